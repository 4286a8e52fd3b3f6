"""One text in the making: its tokens, its text so far, and why it ended.

Text is given out in whole characters: bytes of a character that is not complete yet are held back,
and so is what may turn out to be the beginning of a stop string.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from transformers import PreTrainedTokenizerBase

Finish = Literal["end", "stop", "length", "context"]
OnText = Callable[[str], None]

CONTEXT = 8  # prompt tokens decoded along, so that the first piece gets the space it needs
INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


class Continuation:
    """What follows one prompt, token by token."""

    def __init__(
        self,
        ids: Sequence[int],
        *,
        key: tuple[int, int],
        limit: int,
        at_limit: Finish = "length",
        text: "TextStream",
    ) -> None:
        """Start without a token.

        Args:
            ids: the prompt's token ids.
            key: (prompt, sequence): which of all the texts this is.
            limit: tokens it may have.
            at_limit: what is said where it reaches them.
            text: turns its tokens to text and knows the stop strings.
        """
        self.ids = ids
        self.key = key
        self.limit = limit
        self.at_limit = at_limit
        self.text = text
        self.tokens: list[int] = []
        self.finish: Finish | None = None

    def push(self, token: int, ends: frozenset[int]) -> None:
        """Take the next token; one of `ends` ends the text and is no part of it."""
        if token in ends:
            self.finish = "end"
        else:
            self.tokens.append(token)
            self.text.push(token)
            if self.text.stopped:
                self.finish = "stop"
        if self.finish is not None or len(self.tokens) >= self.limit:
            self.end()

    def restart(self) -> None:
        """Forget all tokens: the text is to be written once more."""
        self.tokens.clear()
        self.finish = None
        self.text.restart()

    def end(self) -> None:
        """No token follows; without a reason of its own the limit is the reason."""
        self.text.close()
        if self.text.stopped:
            self.finish = "stop"
        elif self.finish is None:
            self.finish = self.at_limit


class TextStream:
    """Tokens to text, piece by piece; the pieces together are the text of all tokens at once."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        context: Sequence[int] = (),
        *,
        stops: Sequence[str] = (),
        on_text: OnText | None = None,
    ) -> None:
        """Start after a prompt.

        Args:
            tokenizer: decodes; special tokens are left out of the text.
            context: the ids before the first token, of which the last few are used.
            stops: the text ends before the first of these.
            on_text: is given each piece as soon as it is certain.
        """
        self.tokenizer = tokenizer
        self.stops = stops
        self.on_text = on_text
        self._context = list(context[-CONTEXT:])
        self.restart()

    def restart(self) -> None:
        """Begin once more, behind the prompt."""
        self.text = ""
        self.stopped = False
        self._ids = list(self._context)
        self._start, self._read = 0, len(self._ids)  # decoded from, and already turned to text
        self._given = 0  # characters that `on_text` has had

    def push(self, token: int) -> None:
        """Take a token; decode now only if somebody waits for the text."""
        self._ids.append(token)
        if self.stops or self.on_text is not None:
            self._extend(last=False)

    def close(self) -> None:
        """Decode what is left: no token follows."""
        if not self.stopped:
            self._extend(last=True)
        self._give(len(self.text))

    def _extend(self, *, last: bool) -> None:
        """Turn the tokens not yet read to text, unless they end within a character."""
        before = self._decode(self._ids[self._start : self._read])
        after = self._decode(self._ids[self._start :])
        if len(after) <= len(before) or (after.endswith(INCOMPLETE) and not last):
            return
        searched = len(self.text)
        self.text += after[len(before) :]
        self._start, self._read = self._read, len(self._ids)
        self._cut(searched)
        if not self.stopped:
            self._give(len(self.text) - self._doubtful())

    def _cut(self, searched: int) -> None:
        """End the text before the first stop string that is not within the first `searched`."""
        found = []
        for stop in self.stops:
            at = self.text.find(stop, max(0, searched - len(stop) + 1))
            if at >= 0:
                found.append(at)
        if found:
            self.text = self.text[: min(found)]
            self.stopped = True

    def _doubtful(self) -> int:
        """Characters at the end of the text that may begin a stop string."""
        return max((_overlap(self.text, stop) for stop in self.stops), default=0)

    def _give(self, end: int) -> None:
        """Hand out the text up to `end`."""
        if self.on_text is not None and end > self._given:
            self.on_text(self.text[self._given : end])
            self._given = end

    def _decode(self, ids: list[int]) -> str:
        text = self.tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        assert isinstance(text, str)
        return text


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that begins `stop` without being all of it."""
    for size in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
