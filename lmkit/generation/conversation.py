"""A conversation as it goes on: its messages, and the token ids that ask for the next answer.

What a model cannot read any more is left out from the oldest turn on, and only from what is asked:
the conversation itself stays whole.
"""

import logging
from typing import Any

from transformers import PreTrainedTokenizerBase

from lmkit.data.confined import ConfinedError
from lmkit.data.rendering import Renderer
from lmkit.errors import DataError

Message = dict[str, Any]

logger = logging.getLogger(__name__)


class Conversation:
    """Messages of a user and the answers of a model."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, *, room: int | None, system: str | None = None
    ) -> None:
        """Begin without a turn.

        Args:
            tokenizer: with a chat template.
            room: tokens that may stand before an answer; None for any number.
            system: the message that comes first in every question.
        """
        self.tokenizer = tokenizer
        self.room = room
        self.system = system
        self.turns: list[Message] = []
        self._first = 0  # of the turns that the model still reads
        self._render = Renderer(tokenizer)

    @property
    def messages(self) -> list[Message]:
        """All of them, the system's first."""
        return [*self._lead(), *self.turns]

    def reset(self) -> None:
        """Forget all turns; the system's message stays."""
        self.turns, self._first = [], 0

    def question(self, text: str) -> list[int]:
        """The ids that ask for an answer to this message; the oldest turns go if they must.

        Raises:
            DataError: the template refuses the conversation.
        """
        asked = {"role": "user", "content": text}
        first = self._first
        ids = self._ids([*self._lead(), *self.turns[first:], asked])
        while self.room is not None and len(ids) > self.room and first < len(self.turns):
            first += 2
            ids = self._ids([*self._lead(), *self.turns[first:], asked])
        if first > self._first:
            logger.warning(
                "the model reads at most %s tokens before an answer: the oldest %d of %d messages "
                "are left out from here on",
                self.room,
                first,
                len(self.turns) + 1,
            )
        self._first = first
        return ids

    def answered(self, text: str, answer: str) -> None:
        """Add a message and the answer to it, whole or stopped."""
        self.turns += [
            {"role": "user", "content": text},
            {"role": "assistant", "content": answer},
        ]

    def _lead(self) -> list[Message]:
        return [] if self.system is None else [{"role": "system", "content": self.system}]

    def _ids(self, messages: list[Message]) -> list[int]:
        try:
            (text,) = self._render([(messages, True)])
        except ConfinedError as error:
            raise DataError(f"the model's chat template refuses the message: {error}") from error
        ids: list[int] = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids
