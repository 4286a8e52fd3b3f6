"""Conversations of the embedded data set: a docstring, and the function that does what it says."""

import hashlib
import random
from collections.abc import Iterator

from lmkit.data.rows import Row
from lmkit.data.stdlib_functions import Function, functions

_LONGEST = 1_500  # characters of a docstring and of a function; a longer one is no short answer


def chat_rows(split: str) -> Iterator[Row]:
    """One row a function: `messages` (a question and its answer), `path`."""
    for item in _short(split):
        answer = {"role": "assistant", "content": item.code.rstrip()}
        messages = [{"role": "user", "content": question(item)}, answer]
        yield Row({"messages": messages, "path": item.path}, item.origin)


def preference_rows(split: str) -> Iterator[Row]:
    """One row a function: `prompt`, `chosen` (it), `rejected` (its lines shuffled), `path`.

    Both have the same tokens, so neither their number nor their kind tells them apart.
    """
    for item in _short(split):
        shuffled = _shuffled(item)
        if shuffled is not None:
            values = {
                "prompt": question(item), "chosen": item.code.rstrip(),
                "rejected": shuffled.rstrip(), "path": item.path,
            }  # fmt: skip
            yield Row(values, item.origin)


def question(item: Function) -> str:
    """What is asked for: the name and the docstring."""
    return f"Write the Python function `{item.name}`.\n\n{item.docstring}"


def _short(split: str) -> Iterator[Function]:
    for item in functions(split):
        if len(item.docstring) <= _LONGEST and len(item.code) <= _LONGEST:
            yield item


def _shuffled(item: Function) -> str | None:
    """The function with the lines of its body in another order; None where there is none.

    The order is drawn from the code itself, so it is the same everywhere.
    """
    lines = item.body.split("\n")
    if len(set(lines)) < 2:
        return None
    draw = random.Random(hashlib.sha256(item.code.encode()).digest())
    mixed = list(lines)
    while mixed == lines:
        draw.shuffle(mixed)
    return "\n".join([item.signature, *mixed]) + "\n"
