"""Findings about rows that are known by their numbers: copies, and lengths far out of line.

Hashes and lengths of a whole split tell them, and only then can their places be named: so each
split is read a second time, once, as far as the last row that is to be named.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lmkit.data.doctor.copies import Copies, Ints, conflicts, leaks, repeats
from lmkit.data.doctor.examine import Examined
from lmkit.data.doctor.findings import SHOWN, Finding, Severity, rows_that
from lmkit.data.refusals import keeping_refusals
from lmkit.data.rows import Source

SHORT = 3
"""Characters; a text below this says hardly anything."""
LONG = 100
"""Times the median length from which on a row is far out of line, ..."""
LONG_LEAST = 20_000
"""... and the characters that it has at least."""


class _Pending(NamedTuple):
    """A finding whose rows have numbers and no names yet."""

    kind: str
    severity: Severity
    split: int
    rows: Ints
    what: str
    cure: str
    other: int | None = None
    of: Ints | None = None
    """The rows of split `other` that each of `rows` is a copy of."""


def numbered_findings(splits: Sequence[Examined], *, has_labels: bool) -> list[Finding]:
    """Copies, leaks, copies with another label, and rows that are very short or long."""
    pending = [
        found
        for number in range(len(splits))
        if splits[number].rows
        for found in (*_copied(splits, number, has_labels=has_labels), *_lengths(splits, number))
        if len(found.rows)
    ]
    wanted: list[set[int]] = [set() for _ in splits]
    for found in pending:
        wanted[found.split].update(found.rows[:SHOWN].tolist())
        if found.other is not None and found.of is not None:
            wanted[found.other].update(found.of[:SHOWN].tolist())
    names = [_names(split.source, rows) for split, rows in zip(splits, wanted, strict=True)]
    return [_finding(found, splits, names) for found in pending]


def _copied(splits: Sequence[Examined], number: int, *, has_labels: bool) -> Iterator[_Pending]:
    """Copies within a split, of rows of the splits before it, and with another label."""
    split = splits[number]

    def of(kind: str, severity: Severity, copies: Copies, other: int, *told: str) -> _Pending:
        what, cure = told
        return _Pending(kind, severity, number, copies.rows, what, cure, other, copies.of)

    exact, near = repeats(split.contents)
    cure = "keep one of each: what is repeated counts more in training"
    yield of("duplicate", "warning", exact, number, "repeat an earlier row", cure)
    alike = "but for case or white space"
    yield of("near_duplicate", "note", near, number, f"repeat an earlier row {alike}", cure)
    for earlier in range(number):
        name = splits[earlier].name
        exact, near = leaks(split.contents, splits[earlier].contents)
        cure = f"take them out of {name}, or the scores of {split.name} are too good"
        yield of("leak", "error", exact, earlier, f"stand in {name} too", cure)
        yield of("near_leak", "warning", near, earlier, f"stand in {name} too {alike}", cure)
    if has_labels:
        unlike = conflicts(split.contents, split.label_numbers)
        what = "have the text of an earlier row and another label"
        yield of("conflicting_labels", "warning", unlike, number, what, "decide for one label")


def _lengths(splits: Sequence[Examined], number: int) -> Iterator[_Pending]:
    """Rows of hardly any text, and those far longer than the others."""
    characters = np.frombuffer(splits[number].characters, dtype=np.int64)
    few = np.flatnonzero((characters > 0) & (characters < SHORT))
    what = f"are shorter than {SHORT} characters"
    yield _Pending("short", "note", number, few, what, "leave them out unless they are meant")
    most = max(LONG * float(np.median(characters)), LONG_LEAST)
    many = np.flatnonzero(characters > most)
    what = f"are longer than {most:,.0f} characters ({LONG} times the median, or more)"
    cure = "see whether rows ran together (a quote that is not closed), or cut them"
    yield _Pending("long", "note", number, many, what, cure)


def _names(source: Source, rows: set[int]) -> dict[int, str]:
    """Where rows stand: the source is read again as far as the last of them."""
    found: dict[int, str] = {}
    if not rows:
        return found
    last = max(rows)
    with keeping_refusals():
        for number, row in enumerate(source.rows()):
            if number in rows:
                found[number] = row.origin
            if number == last:
                break
    return found


def _finding(
    found: _Pending, splits: Sequence[Examined], names: Sequence[dict[int, str]]
) -> Finding:
    """The finding with the places of its first rows."""
    split, count = splits[found.split], len(found.rows)
    others = []
    if found.other is not None and found.of is not None:
        others = [names[found.other][row] for row in found.of[:SHOWN].tolist()]
    return Finding(
        kind=found.kind,
        severity=found.severity,
        split=split.name,
        count=count,
        share=count / split.rows,
        rows=[names[found.split][row] for row in found.rows[:SHOWN].tolist()],
        message=rows_that(count, found.what),
        cure=found.cure,
        others=others,
    )
