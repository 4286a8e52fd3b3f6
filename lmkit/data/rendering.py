"""Messages to text by a chat template, which is a program of whoever wrote it.

transformers compiles it in Jinja's sandbox, from which it reaches nothing of Python; a child
process (confined.py) sees to it that it also ends, and needs no more memory than a text does.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from transformers import PreTrainedTokenizerBase

from lmkit.data.confined import Confined

LONGEST = 1 << 24
"""Characters that one conversation may become."""


class Renderer:
    """The chat template of a tokenizer, as it is when the first text is asked for."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._render = Confined(partial(_render, tokenizer))

    def __call__(self, wanted: Sequence[tuple[Sequence[dict[str, Any]], bool]]) -> list[str]:
        """The text of each conversation; with True beside it the generation prompt at its end.

        Raises:
            ConfinedError: the template does not take them, or takes too long or too much memory.
        """
        texts: list[str] = self._render([(list(messages), ask) for messages, ask in wanted])
        return texts


def _render(
    tokenizer: PreTrainedTokenizerBase, wanted: list[tuple[list[dict[str, Any]], bool]]
) -> list[str]:
    return [_text(tokenizer, messages, ask) if messages else "" for messages, ask in wanted]


def _text(tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, Any]], ask: bool) -> str:
    text = str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=ask))
    if len(text) > LONGEST:
        raise ValueError(f"it writes {len(text):,} characters; allowed are {LONGEST:,}")
    return text
