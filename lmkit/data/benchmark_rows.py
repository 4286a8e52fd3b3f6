"""Files that language models are compared on: the last word of texts, or questions with choices.

The two shapes are those of LAMBADA (Paperno et al. 2016, arXiv:1606.06031) and of ARC, HellaSwag
and the like (Clark et al. 2018, arXiv:1803.05457), with the prompts that EleutherAI's
lm-evaluation-harness gives them.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Literal, NamedTuple

from lmkit.data.choices import Columns, answer_of, read_question
from lmkit.data.rows import Row, column
from lmkit.errors import DataError

Shape = Literal["last_word", "multiple_choice"]
TEXT = "text"
CHOICE = Columns(question="question", context=None, choices="choices", answer="answer")


class Item(NamedTuple):
    """One task for a model: which continuation of a context is right."""

    origin: str
    """Where it stands, for messages."""
    context: str
    continuations: list[str]
    """C of them, with the space before each; one where the word itself is asked for."""
    gold: int
    """The right one, in [0, C)."""


def read_items(rows: Iterable[Row], limit: int | None = None) -> tuple[Shape, list[Item]]:
    """What a file asks; its first row tells its shape.

    Args:
        rows: read once.
        limit: items at most.

    Raises:
        DataError: the columns are of neither shape, a row holds something else, or there is none.
    """
    items: list[Item] = []
    shape: Shape = "last_word"
    for row in islice(rows, limit):
        if not items:
            shape = _shape(row)
        items.append(_last_word(row) if shape == "last_word" else _choice(row))
    if not items:
        raise DataError("the file holds no row to score")
    return shape, items


def _shape(row: Row) -> Shape:
    if {CHOICE.question, CHOICE.choices, CHOICE.answer} <= set(row.values):
        return "multiple_choice"
    if TEXT in row.values:
        return "last_word"
    raise DataError(
        f"{row.origin}: has the columns {', '.join(map(str, row.values)) or 'none'}; a benchmark "
        f"needs `{TEXT}` (the last word is asked for), or `{CHOICE.question}`, `{CHOICE.choices}` "
        f"and `{CHOICE.answer}`"
    )


def _last_word(row: Row) -> Item:
    context, space, word = column(row, TEXT).rpartition(" ")
    if not word.strip() or not context.strip():
        raise DataError(f"{row.origin}: column `{TEXT}` does not end in a word after others")
    return Item(row.origin, context, [space + word], 0)


def _choice(row: Row) -> Item:
    asked = read_question(row, CHOICE)
    context = f"Question: {asked.prompt}\nAnswer:"
    gold = answer_of(row, asked, CHOICE.answer)
    return Item(row.origin, context, [f" {choice}" for choice in asked.choices], gold)
