"""Copies: rows with the content of another, within a split and across splits.

Held are two 64-bit hashes a row (of the content, and of the content with case and white space
folded), so memory is 16 bytes a row whatever the rows hold. Two of N rows agree by chance with
probability N^2 / 2^65: 3e-6 for ten million. Shape letter: N rows of a split.
"""

import hashlib
import json
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmkit.data.rows import Row

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

NAMES = {"id", "index", "idx", "guid"}
"""Columns that name a row: two rows that differ in nothing else are copies."""


@dataclass
class Contents:
    """The hashes of the rows of a split, in their order."""

    exact: "array[int]" = field(default_factory=lambda: array("Q"))
    folded: "array[int]" = field(default_factory=lambda: array("Q"))

    def add(self, content: str) -> None:
        """One more row."""
        self.exact.append(hash64(content))
        self.folded.append(hash64(folded(content)))


class Copies(NamedTuple):
    """Rows that are copies, and of which rows: two arrays of row numbers from 0, (n,)."""

    rows: Ints
    of: Ints


def content_of(row: Row, text_column: str | None) -> str:
    """What makes a row itself: its text, else all its values but its name."""
    text = row.values.get(text_column) if text_column is not None else None
    if isinstance(text, str):
        return text
    values = {key: value for key, value in row.values.items() if str(key).lower() not in NAMES}
    return json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)


def folded(content: str) -> str:
    """The content without regard to case, and to how much white space stands where."""
    return " ".join(content.split()).casefold()


def hash64(content: str) -> int:
    """The first 64 bits of BLAKE2b, as a number."""
    data = content.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def repeats(contents: Contents) -> tuple[Copies, Copies]:
    """Copies within a split, each of the first row like it: identical ones, and folded alike."""
    exact = repeats_of(contents.exact)
    near = repeats_of(contents.folded)
    return exact, _without(near, exact.rows)


def leaks(contents: Contents, earlier: Contents) -> tuple[Copies, Copies]:
    """Rows whose content stands in another split too: identical, and folded alike."""
    exact = shared_with(contents.exact, earlier.exact)
    near = shared_with(contents.folded, earlier.folded)
    return exact, _without(near, exact.rows)


def conflicts(contents: Contents, labels: "array[int]") -> Copies:
    """Rows with the content of another (folded) and another label than the first row like it."""
    found = repeats_of(contents.folded)
    numbers = np.frombuffer(labels, dtype=np.int32)
    unlike = numbers[found.rows] != numbers[found.of]
    return Copies(found.rows[unlike], found.of[unlike])


def _view(hashes: "array[int]") -> Hashes:
    return np.frombuffer(hashes, dtype=np.uint64) if hashes else np.zeros(0, np.uint64)


def repeats_of(row_hashes: "array[int]") -> Copies:
    """The rows that are not the first of their hash, beside the first."""
    hashes = _view(row_hashes)
    _, first, which = np.unique(hashes, return_index=True, return_inverse=True)
    of = first[which]
    rows = np.flatnonzero(of != np.arange(len(hashes)))
    return Copies(rows, of[rows])


def shared_with(row_hashes: "array[int]", others: "array[int]") -> Copies:
    """The rows whose hash is among `others`, beside the first there."""
    hashes = _view(row_hashes)
    known, first = np.unique(_view(others), return_index=True)
    if not len(known):
        return Copies(np.zeros(0, np.int64), np.zeros(0, np.int64))
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    rows = np.flatnonzero(known[at] == hashes)
    return Copies(rows, first[at[rows]])


def _without(copies: Copies, rows: Ints) -> Copies:
    kept = ~np.isin(copies.rows, rows)
    return Copies(copies.rows[kept], copies.of[kept])


def label_of(row: Row, label_column: str | None) -> str | None:
    """The label of a row as it is written; None where there is none or it is no single value."""
    value: Any = row.values.get(label_column) if label_column is not None else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, str | int | float) else None


def numbered(label: str | None, numbers: dict[str | None, int]) -> int:
    """A number for each label, in the order they are met; for none, -1."""
    return -1 if label is None else numbers.setdefault(label, len(numbers))


def majority(counts: Mapping[str, int]) -> tuple[str, float] | None:
    """The commonest label and its share; None where there is no label."""
    if not counts:
        return None
    name = min(counts, key=lambda label: (-counts[label], label))
    return name, counts[name] / sum(counts.values())
