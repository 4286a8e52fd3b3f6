"""How well one number follows another. N pairs."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmkit.evaluation.interval import Interval, bootstrap
from lmkit.evaluation.paired import Units
from lmkit.evaluation.ranking import pearson, spearman
from lmkit.evaluation.redrawn import redrawn_correlations


def correlations(found: ArrayLike, wanted: ArrayLike) -> dict[str, float]:
    """Pearson's and Spearman's correlation, in [-1, 1]; NaN where one side is constant."""
    return {"pearson": pearson(found, wanted), "spearman": spearman(found, wanted)}


def correlation_intervals(found: ArrayLike, wanted: ArrayLike, seed: int) -> dict[str, Interval]:
    """A percentile bootstrap over the pairs; none where there are fewer than three."""
    a, b = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    if len(a) < 3:
        return {}
    names = list(correlations(a, b))

    def statistic(drawn: np.ndarray) -> list[float]:
        told = correlations(a[drawn], b[drawn])
        return [told[name] for name in names]

    low, high = bootstrap(statistic, len(a), seed)
    ends = {name: (float(low[i]), float(high[i])) for i, name in enumerate(names)}
    return {name: pair for name, pair in ends.items() if np.isfinite(pair).all()}


def correlation_units(found: ArrayLike, wanted: ArrayLike) -> Units:
    """For paired comparisons: both correlations, and those of the draws of pairs."""
    a, b = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    return redrawn_correlations(a, b)


def settle_ties(cosines: ArrayLike, keys: ArrayLike) -> NDArray[np.float64]:
    """The cosines with equal ones for equal pairs, so that their ranks hang on no rounding.

    The same pair, in either order, gets the mean of its cosines; a text beside itself gets 1.

    Args:
        cosines: (N,).
        keys: (N, 2), equal where texts are equal.
    """
    values, known = np.asarray(cosines, np.float64), np.sort(np.asarray(keys, np.int64), axis=1)
    _, place, count = np.unique(known, axis=0, return_inverse=True, return_counts=True)
    place = place.reshape(-1)
    means = np.bincount(place, weights=values) / count
    return np.where(known[:, 0] == known[:, 1], 1.0, means[place])
