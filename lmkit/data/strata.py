"""Each label its share of what is held out, and yet by the hash of the content as far as may be.

The hash alone gives each label its share only on average: of 40 rows 5 % are 0 to 5. So a label's
threshold moves, but only where its share would be off by more than a fifth (and a row), and no
further than it must: of a label with thousands of rows nothing moves, and the few texts between the
two thresholds are all that may change sides when the data grow.

Shape letters: N rows, U distinct texts.
"""

import math
from array import array

import numpy as np
from numpy.typing import NDArray

from lmkit.data.rows import Row, Source, digest

TOLERANCE = 0.2
"""How far a label's share may be off, relative to what it should be."""
_HIGHEST = 2**64 - 1


def place(row: Row, text_column: str | None, from_top: bool) -> int:
    """Where a row stands among all hashes, in [0, 2**64): from the lowest on, or the highest."""
    value = digest(row, text_column)
    return _HIGHEST - value if from_top else value


def labeled_places(
    source: Source, text_column: str | None, label_column: str, from_top: bool
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The place of each row and a number for its label, both (N,).

    Rows without a label, which the task will refuse, are a stratum of their own.
    """
    places, numbers, names = array("Q"), array("q"), dict[str, int]()
    for row in source.rows():
        places.append(place(row, text_column, from_top))
        numbers.append(names.setdefault(str(row.values.get(label_column)), len(names)))
    return np.array(places, np.uint64), np.array(numbers, np.int64)


def even_out(
    places: NDArray[np.uint64], labels: NDArray[np.int64], threshold: int, part: float
) -> frozenset[int]:
    """The places that must change sides of the threshold.

    A label keeps at least one text on either side, or its only text in training; where every label
    has only one, nothing moves. Equal texts move together, also those with unlike labels; they
    count for the label of the first.

    Args:
        places: (N,), below `threshold` is held out.
        labels: numbers of the labels, (N,).
        threshold: that of the hash alone.
        part: the share of these rows that should be held out, in (0, 1).
    """
    distinct, first = np.unique(places, return_index=True)  # (U,) ascending
    owners = labels[first]
    moved: set[int] = set()
    if len(np.unique(owners)) == len(owners):
        return frozenset()
    for owner in np.unique(owners):
        own = distinct[owners == owner]
        held = int((own < np.uint64(threshold)).sum())
        aim, most = part * len(own), len(own) - 1
        low = min(max(1, math.floor(aim * (1 - TOLERANCE))), most)
        high = min(max(low, math.ceil(aim * (1 + TOLERANCE))), most)
        wanted = min(max(held, low), high)
        moved.update(own[min(held, wanted) : max(held, wanted)].tolist())
    return frozenset(moved)
