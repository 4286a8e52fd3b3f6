"""How well scores rank: the area under the ROC curve, and correlations with numbers.

Shape letters: N rows, C classes, P rows that have a class, Q rows that have not.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from lmkit.evaluation.interval import Interval, normal

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Contest(NamedTuple):
    """The rows that have a class against those that have not; a tie is half a win."""

    has: NDArray[np.bool_]
    """Which rows have it, (N,)."""
    won: Floats
    """Of each row that has it, the share of the others that score below it, (P,)."""
    lost: Floats
    """Of each row that has it not, the share of those that score above it, (Q,)."""

    @property
    def area(self) -> float:
        """The area under the ROC curve."""
        return float(self.won.mean())


def macro_auroc(members: NDArray[Any], scores: NDArray[Any]) -> float:
    """The area under the ROC curve, each class against the rest, averaged over the classes.

    That of a class is the chance that a row which has it scores above one which has not, a tie
    being half (Hanley and McNeil 1982, Radiology 143:29). A class that every row has, or none, has
    no area and is left out; NaN where that leaves no class.

    Args:
        members: whether each row has each class, (N, C).
        scores: the larger, the likelier, (N, C).
    """
    areas = [contest.area for contest in _contests(members, scores)]
    return float(np.mean(areas)) if areas else math.nan


def macro_auroc_interval(members: NDArray[Any], scores: NDArray[Any]) -> Interval | None:
    """The interval of `macro_auroc` when N rows are drawn anew; None where it is NaN.

    The variance is that of DeLong et al. 1988 (Biometrics 44:837), here of the mean of the areas:
    the sum over the rows of the squares of how much each one moves it.
    """
    moved, areas = np.zeros(len(members)), []
    for contest in _contests(members, scores):
        areas.append(contest.area)
        moved[contest.has] += (contest.won - contest.area) / len(contest.won)
        moved[~contest.has] += (contest.lost - contest.area) / len(contest.lost)
    if not areas:
        return None
    return normal(float(np.mean(areas)), math.sqrt(float(moved @ moved)) / len(areas))


def auroc_of_draws(members: NDArray[Any], scores: NDArray[Any]) -> Callable[[Ints], float]:
    """`macro_auroc` of rows that are drawn anew, from one sort for all draws.

    A row that is drawn twice counts twice: of the rows in the order of their scores, those that
    have the class win against the count of the others before them, and half of that beside them.

    Args:
        members: as of `macro_auroc`.
        scores: as of `macro_auroc`.

    Returns:
        From row numbers (N,) to the area; NaN where they leave no class.
    """
    ranked = []
    for has, score in zip(members.T, scores.T, strict=True):
        order = np.argsort(score, kind="stable")
        starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))  # of rows with one score
        ranked.append((order, has[order].astype(float), np.append(0, starts[starts > 0])))

    def area(drawn: Ints) -> float:
        times = np.bincount(drawn, minlength=len(members)).astype(float)
        areas = []
        for order, has, starts in ranked:
            counts = times[order]
            there = np.add.reduceat(counts * has, starts)
            others = np.add.reduceat(counts, starts) - there
            if (pairs := there.sum() * others.sum()) > 0:
                areas.append(there @ (np.cumsum(others) - others / 2) / pairs)
        return float(np.mean(areas)) if areas else math.nan

    return area


def pearson(predicted: ArrayLike, gold: ArrayLike) -> float:
    """Pearson's correlation of two rows of numbers (N,); NaN where one of them is constant.

    It is the covariance over the product of the standard deviations.
    """
    x, y = (np.asarray(values, float) for values in (predicted, gold))
    if len(x) < 2 or (x == x[0]).all() or (y == y[0]).all():  # its own mean may miss a constant
        return math.nan
    x, y = x - x.mean(), y - y.mean()
    below = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / below if below > 0 else math.nan


def spearman(predicted: ArrayLike, gold: ArrayLike) -> float:
    """Spearman's correlation: Pearson's of the ranks, equal numbers sharing their mean rank."""
    return pearson(rankdata(predicted), rankdata(gold))


def _contests(members: NDArray[Any], scores: NDArray[Any]) -> Iterator[Contest]:
    """One for each class that some rows have and some have not."""
    for has, score in zip(members.astype(bool).T, scores.T, strict=True):
        count = int(has.sum())
        if 0 < count < len(has):
            ranks = rankdata(score)
            beaten = ranks[has] - rankdata(score[has])  # (P,) the others below, ties half
            lost = count - (ranks[~has] - rankdata(score[~has]))  # (Q,)
            yield Contest(has, beaten / (len(has) - count), lost / count)
