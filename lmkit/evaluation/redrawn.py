"""Metrics that are no ratios of sums, of the same draws of the rows for every model.

A run keeps them, so that two runs can be paired. Shape letters: N units (rows, texts, questions), S
draws, C classes.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmkit.evaluation.ranking import auroc_of_draws, pearson, spearman

REDRAWN = 1000
"""S, unless it would take too long."""
FEWEST = 100
"""S, at least; where there is time for fewer there are none."""
SEED = 0
"""Of the draws: the same for all runs."""
_RANKED = 1 << 29  # scores that are ranked for all draws together: about 20 s
_SORTED = 8  # times as long takes a number that is sorted anew in each draw

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def draws(count: int, resamples: int = REDRAWN) -> Iterator[Ints]:
    """The draws of N units with replacement, (N,) each.

    Args:
        count: N.
        resamples: S.
    """
    random = np.random.default_rng(SEED)
    for _ in range(resamples):
        yield random.integers(count, size=count)


def redrawn(
    metrics: Callable[[Ints], Mapping[str, float]], count: int, resamples: int = REDRAWN
) -> dict[str, Floats]:
    """The metrics of all units, and those of the draws.

    Args:
        metrics: from row numbers (N,) to numbers by name.
        count: N.
        resamples: S.

    Returns:
        By metric (1 + S,).
    """
    whole = metrics(np.arange(count))
    drawn = [metrics(rows) for rows in draws(count, resamples)]
    return {name: np.asarray([one[name] for one in (whole, *drawn)]) for name in whole}


def redrawn_areas(members: NDArray[Any], scores: NDArray[Any]) -> dict[str, Floats]:
    """The macro-averaged area under the ROC curve.

    Args:
        members: whether each row has each class, (N, C).
        scores: the larger, the likelier, (N, C).

    Returns:
        `auroc`, of fewer draws where 1,000 would take more than about 20 seconds, and nothing where
        100 would.
    """
    resamples = _affordable(scores.size)
    if not resamples:
        return {}
    area = auroc_of_draws(members, scores)
    return redrawn(lambda rows: {"auroc": area(rows)}, len(scores), resamples)


def redrawn_correlations(predicted: Floats, gold: Floats) -> dict[str, Floats]:
    """`pearson` and `spearman` of N pairs of numbers; as of `redrawn_areas` where N is large."""
    resamples = _affordable(_SORTED * len(gold))

    def metrics(rows: Ints) -> dict[str, float]:
        told, right = predicted[rows], gold[rows]
        return {"pearson": pearson(told, right), "spearman": spearman(told, right)}

    return redrawn(metrics, len(gold), resamples) if resamples else {}


def _affordable(size: int) -> int:
    """S for so many scores of all rows; 0 where it would be too few."""
    resamples = min(REDRAWN, _RANKED // max(size, 1))
    return resamples if resamples >= FEWEST else 0
