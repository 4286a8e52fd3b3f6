"""Functions of the embedded data set and what they do: to be found by it, or to choose it for.

The description is the first line of the docstring; the docstring itself is not in the code.
"""

import hashlib
from collections.abc import Iterator

from lmkit.data.order import branch
from lmkit.data.rows import Row
from lmkit.data.stdlib_functions import Function, functions

CHOICES = 4
"""Descriptions to choose from, one of which is right."""
_WORDS = 3  # of a description, at least: shorter ones fit many functions
_LETTERS = (60, 6_000)  # characters of the code


def pair_rows(split: str) -> Iterator[Row]:
    """One row a function: `anchor` (its description), `positive` (its code), `name`, `path`."""
    for item in _described(split):
        values = {
            "anchor": item.summary, "positive": item.code, "name": item.name, "path": item.path,
        }  # fmt: skip
        yield Row(values, item.origin)


def choice_rows(split: str) -> Iterator[Row]:
    """One row a function: `question` (its code), `choices` (descriptions), `answer`, `path`.

    The wrong descriptions are those of other functions of the split; which, and where the right one
    stands, is drawn by a hash of the code alone.
    """
    items = _described(split)
    summaries = list(dict.fromkeys(item.summary for item in items))
    if len(summaries) < CHOICES:
        return
    for item in items:
        seed = int.from_bytes(
            hashlib.sha256(item.code.encode("utf-8", "replace")).digest()[:8], "big"
        )
        wrong: list[str] = []
        number = 1
        while len(wrong) < CHOICES - 1:
            drawn = summaries[branch(seed, number) % len(summaries)]
            number += 1
            if drawn != item.summary and drawn not in wrong:
                wrong.append(drawn)
        answer = branch(seed, 0) % CHOICES
        choices = [*wrong[:answer], item.summary, *wrong[answer:]]
        values = {
            "question": item.code, "choices": choices, "answer": answer, "path": item.path,
        }  # fmt: skip
        yield Row(values, item.origin)


def _described(split: str) -> list[Function]:
    """The functions that a description of their own could tell apart."""
    return [
        item
        for item in functions(split)
        if len(item.summary.split()) >= _WORDS and _LETTERS[0] <= len(item.code) <= _LETTERS[1]
    ]
