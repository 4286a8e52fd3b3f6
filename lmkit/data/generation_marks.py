"""What a chat template marks as the model's own: `{% generation %} ... {% endgeneration %}`.

Transformers' way to tell which of the text is to be learned ("Chat templates"; it makes
`return_assistant_tokens_mask` of them). Here they are places in the rendered text.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from transformers import PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import render_jinja_template

_MARK = re.compile(r"\{%-?\s*generation\s*-?%\}")


class Piece(NamedTuple):
    """A part of the text of a conversation."""

    text: str
    answer: int
    """n for a part of the n-th answer, from 1 on; else 0."""


def has_marks(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer's chat template marks what is to be learned."""
    return _MARK.search(str(tokenizer.get_chat_template())) is not None


def generation_marks(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[dict[str, Any]]
) -> list[tuple[int, int]]:
    """Where each marked part begins and ends in the text of messages, in characters.

    Args:
        tokenizer: with a chat template that has marks.
        messages: as `apply_chat_template` takes them.
    """
    plain = [{k: v for k, v in message.items() if v is not None} for message in messages]
    render: Any = render_jinja_template  # its annotations say text; it gives texts and places
    _, (marks,) = render(
        conversations=[plain], chat_template=tokenizer.get_chat_template(),
        return_assistant_tokens_mask=True, **tokenizer.special_tokens_map,
    )  # fmt: skip
    return [(int(begin), int(end)) for begin, end in marks if begin < end]


def cut_by_marks(text: str, marks: Sequence[tuple[int, int]], edges: Sequence[int]) -> list[Piece]:
    """The text in pieces, each wholly marked or not.

    Args:
        text: of a conversation.
        marks: of that text.
        edges: by turns, where what asks for an answer ends and where the answer does. It is cut
            at the first of these too, since a model is asked with what stands before them.
    """
    asked, ended = edges[::2], edges[1::2]
    places = sorted({0, len(text), *asked, *(place for mark in marks for place in mark)})
    return [
        Piece(
            text[begin:end],
            bisect_right(ended, begin) + 1 if any(a <= begin < b for a, b in marks) else 0,
        )
        for begin, end in pairwise(places)
    ]
