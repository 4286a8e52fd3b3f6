"""Functions of the embedded data set and what they do: to be found by it, or to choose it for.

The description is the first line of the docstring; the docstring itself is not in the code.
"""

import hashlib
from collections.abc import Iterator
from itertools import groupby

from lmkit.data.order import branch
from lmkit.data.rows import Row
from lmkit.data.stdlib_functions import Function, functions

CHOICES = 4
"""Descriptions to choose from, one of which is right."""
_WORDS = 3  # of a description, at least: shorter ones fit many functions
_LETTERS = (60, 6_000)  # characters of the code


def triple_rows(split: str) -> Iterator[Row]:
    """One row a function: `anchor` (its description), `positive` (its code), `negative`, ...

    The negative is the code of another function of the same file, whose words are much the same;
    also `name` and `path`. A file in which only one thing is described is left out.
    """
    for items in _files(split):
        for item in items:
            others = [other.code for other in items if other.summary != item.summary]
            if not others:
                continue
            (negative,) = _drawn(item, others, 1)
            values = {
                "anchor": item.summary, "positive": item.code, "negative": negative,
                "name": item.name, "path": item.path,
            }  # fmt: skip
            yield Row(values, item.origin)


def sibling_choice_rows(split: str) -> Iterator[Row]:
    """One row a function: `question` (its code), `choices` (descriptions), `answer`, `path`.

    The wrong descriptions are those of other functions of the same file, since of another file the
    words alone would tell; a file with too few is left out. Which, and where the right one stands,
    is drawn by a hash of the code alone.
    """
    for items in _files(split):
        summaries = list(dict.fromkeys(item.summary for item in items))
        if len(summaries) < CHOICES:
            continue
        for item in items:
            others = [summary for summary in summaries if summary != item.summary]
            wrong = _drawn(item, others, CHOICES - 1)
            answer = branch(_seed(item), 0) % CHOICES
            choices = [*wrong[:answer], item.summary, *wrong[answer:]]
            values = {
                "question": item.code, "choices": choices, "answer": answer, "path": item.path,
            }  # fmt: skip
            yield Row(values, item.origin)


def _drawn(item: Function, others: list[str], count: int) -> list[str]:
    """So many of the others, none twice, by a hash of the function's code."""
    left, found, seed = list(others), [], _seed(item)
    for number in range(1, count + 1):
        found.append(left.pop(branch(seed, number) % len(left)))
    return found


def _seed(item: Function) -> int:
    digest = hashlib.sha256(item.code.encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big")


def _files(split: str) -> Iterator[list[Function]]:
    """The described functions of each file."""
    for _, items in groupby(_described(split), key=lambda item: item.path):
        yield list(items)


def _described(split: str) -> list[Function]:
    """The functions that a description of their own could tell apart."""
    return [
        item
        for item in functions(split)
        if len(item.summary.split()) >= _WORDS and _LETTERS[0] <= len(item.code) <= _LETTERS[1]
    ]
