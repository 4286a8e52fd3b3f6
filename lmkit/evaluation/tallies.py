"""Precision, recall and F1 from three counts a class, in whatever number of samples at once.

Each counts the rows of a class (van Rijsbergen 1979, Information Retrieval, chapter 7): those that
have it, those that are said to have it, and those of which both is true. Shape letters: N rows, C
classes; `...` is nothing, or R resamples. A share of nothing is 0, as `zero_division=0` of
scikit-learn.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Tallies(NamedTuple):
    """Rows of each class, (..., C)."""

    right: NDArray[Any]
    """Those that have it and are said to."""
    gold: NDArray[Any]
    """Those that have it."""
    predicted: NDArray[Any]
    """Those that are said to have it."""


def of_classes(gold: ArrayLike, predicted: ArrayLike, classes: int) -> Tallies:
    """The tallies of class ids (N,)."""
    true, told = np.asarray(gold, np.int64), np.asarray(predicted, np.int64)
    return Tallies(
        np.bincount(true[true == told], minlength=classes),
        np.bincount(true, minlength=classes),
        np.bincount(told, minlength=classes),
    )


def figures(tallies: Tallies) -> dict[str, Floats]:
    """F1 (macro, micro, weighted) and macro-averaged precision and recall, each (...,).

    Macro: the mean over all C classes, each counting the same. Micro: of the summed counts.
    Weighted: the mean by the rows that have the class.
    """
    right, gold, predicted = (np.asarray(part, float) for part in tallies)
    f1 = _share(2 * right, gold + predicted)  # (..., C)
    return {
        "macro_f1": f1.mean(-1),
        "micro_f1": _share(2 * right.sum(-1), gold.sum(-1) + predicted.sum(-1)),
        "weighted_f1": _share((f1 * gold).sum(-1), gold.sum(-1)),
        "precision": _share(right, predicted).mean(-1),
        "recall": _share(right, gold).mean(-1),
    }


def matthews(tallies: Tallies) -> Floats:
    """Matthews' correlation of one class a row, (...,): in [-1, 1], 0 for a guess.

    (s c - sum t p) / sqrt((s^2 - sum p^2)(s^2 - sum t^2)), with s rows, c of them right, t true and
    p predicted of each class (Gorodkin 2004, Comput. Biol. Chem. 28:367); 0 where the root is 0.
    """
    right, gold, predicted = (np.asarray(part, float) for part in tallies)
    rows = gold.sum(-1)
    above = rows * right.sum(-1) - (gold * predicted).sum(-1)
    below = (rows**2 - (predicted**2).sum(-1)) * (rows**2 - (gold**2).sum(-1))
    return _share(above, np.sqrt(below))


def by_class(tallies: Tallies, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and support (its rows) of each class."""
    right, gold, predicted = (np.asarray(part, float) for part in tallies)
    columns = (
        _share(right, predicted), _share(right, gold), _share(2 * right, gold + predicted), gold,
    )  # fmt: skip
    keys = ("precision", "recall", "f1", "support")
    values = np.stack(columns, axis=-1).tolist()
    found = {
        name: dict(zip(keys, row, strict=True)) for name, row in zip(names, values, strict=True)
    }
    return {name: {**row, "support": int(row["support"])} for name, row in found.items()}


def _share(above: ArrayLike, below: ArrayLike) -> Floats:
    """The share above / below, 0 where there is nothing below."""
    top, bottom = np.asarray(above, float), np.asarray(below, float)
    shares: Floats = np.divide(top, bottom, out=np.zeros_like(bottom), where=bottom > 0)
    return shares
