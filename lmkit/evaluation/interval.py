"""95 % intervals: how far a number may move when other rows had been drawn.

Percentile bootstrap (Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 13.3)
where no formula exists; Wilson's score interval for a share, Fisher's for a correlation. Every
draw comes from `seed` alone.
Shape letters: D documents (or other independent units), N rows, R resamples.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 1000
_TAILS = (2.5, 97.5)  # percent
_Z = 1.959963984540054  # the 97.5 % point of the standard normal distribution
_DRAWS = 1 << 20  # random numbers held at a time (8 MB)
_UNITS = 5_000  # more units than this are summed into so many groups first

Interval = tuple[float, float]
Floats = NDArray[np.float64]


def bootstrap_ratio(
    numerators: ArrayLike, denominators: ArrayLike, seed: int, resamples: int = RESAMPLES
) -> Interval | None:
    """The interval of sum(numerators) / sum(denominators) when the D units are drawn anew.

    For a loss the units are documents, not tokens: tokens of one document resemble one another,
    and drawing them one by one would give an interval several times too narrow. More than 5,000
    units are first summed into 5,000 groups at random, which leaves the variance of the sums as it
    is and bounds the time.

    Args:
        numerators: (D,) for example summed negative log-likelihoods.
        denominators: (D,) not negative, for example predicted tokens or bytes.
        seed: of the draws.
        resamples: R.

    Returns:
        The 2.5 % and 97.5 % points of R ratios, or None where there are fewer than two units (one
        document says nothing about how documents differ) or no denominator is positive.
    """
    units = np.stack([np.asarray(numerators, float), np.asarray(denominators, float)])  # (2, D)
    if units.shape[1] < 2 or not units[1].any():
        return None
    random = np.random.default_rng(seed)
    if units.shape[1] > _UNITS:
        group = random.permutation(units.shape[1]) % _UNITS
        units = np.stack([np.bincount(group, weights=row, minlength=_UNITS) for row in units])
    count = units.shape[1]
    sums = []
    for size in _chunks(resamples, count):
        drawn = random.integers(count, size=(size, count))
        sums.append(units[:, drawn].sum(axis=2))  # (2, size)
    above, below = np.concatenate(sums, axis=1)
    return middle(above[below > 0] / below[below > 0])


def ratio_intervals(
    units: Mapping[str, ArrayLike], seed: int, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """`bootstrap_ratio` of several: by name, (2, D) or a pair of (D,), above and below the line."""
    found = {}
    for name, pair in units.items():
        above, below = np.asarray(pair, float)
        found[name] = bootstrap_ratio(above, below, seed, resamples)
    return {name: ends for name, ends in found.items() if ends is not None}


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], ArrayLike],
    count: int,
    seed: int,
    resamples: int = RESAMPLES,
) -> tuple[Floats, Floats]:
    """The intervals of any statistic of N rows.

    Args:
        statistic: from row numbers (N,), drawn with replacement, to one number or K numbers.
        count: N.
        seed: of the draws.
        resamples: R; the statistic is called so often.

    Returns:
        The lower and the upper ends, each () or (K,).
    """
    random = np.random.default_rng(seed)
    values = np.asarray([statistic(random.integers(count, size=count)) for _ in range(resamples)])
    low, high = np.percentile(values, _TAILS, axis=0)
    return low, high


def bootstrap_metrics(
    metrics: Callable[[dict[str, list[Any]]], Mapping[str, float]],
    rows: Mapping[str, list[Any]],
    seed: int,
    resamples: int = RESAMPLES,
) -> dict[str, Interval]:
    """The interval of every number that `metrics` makes of N rows, drawn anew R times.

    Args:
        metrics: from rows (lists of N values by name) to numbers by name.
        rows: the rows.
        seed: of the draws.
        resamples: R; `metrics` is called so often.

    Returns:
        Intervals by metric name; none where there are fewer than two rows.
    """
    count = len(next(iter(rows.values()), []))
    if count < 2:
        return {}
    columns = {key: _column(values) for key, values in rows.items()}
    names = list(metrics(dict(rows)))

    def statistic(drawn: NDArray[np.int64]) -> list[float]:
        found = metrics({key: values[drawn].tolist() for key, values in columns.items()})
        return [found[name] for name in names]

    low, high = bootstrap(statistic, count, seed, resamples)
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(names)}


def wilson(successes: float, count: float) -> Interval:
    """The interval of a share, by Wilson's score formula.

    Unlike p +- 1.96 s it stays inside [0, 1] and holds its 95 % for few rows and for shares near
    0 or 1 (Wilson 1927, J. Am. Stat. Assoc. 22:209; Brown, Cai and DasGupta 2001, Statistical
    Science 16:101).

    Args:
        successes: how many of the rows are right.
        count: how many rows, at least 1; rows must be independent.
    """
    share, spread = successes / count, _Z * _Z / count
    middle = share + spread / 2
    half = math.sqrt(spread * (share * (1 - share) + spread / 4))
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def fisher(correlation: float, count: int, *, ranks: bool = False) -> Interval | None:
    """The interval of a correlation of N pairs, by Fisher's z transform.

    z = atanh(r) has the variance 1 / (N - 3), of Spearman's (1 + r^2 / 2) / (N - 3) (Bonett and
    Wright 2000, Psychometrika 65:23).

    Args:
        correlation: Pearson's or Spearman's, in [-1, 1].
        count: N.
        ranks: whether it is Spearman's.
    """
    if count < 4 or not abs(correlation) < 1:
        return None
    variance = (1 + correlation**2 / 2 if ranks else 1.0) / (count - 3)
    middle, half = math.atanh(correlation), _Z * math.sqrt(variance)
    return math.tanh(middle - half), math.tanh(middle + half)


def normal(value: float, error: float, low: float = 0.0, high: float = 1.0) -> Interval:
    """The interval of an estimate with a standard error, within the bounds of the number."""
    return max(low, value - _Z * error), min(high, value + _Z * error)


def bootstrap_sums(
    statistic: Callable[[Floats], Mapping[str, ArrayLike]],
    units: ArrayLike,
    counts: ArrayLike,
    seed: int,
    resamples: int = RESAMPLES,
) -> dict[str, Interval]:
    """The intervals of numbers that follow from sums over N rows, when the rows are drawn anew.

    Equal rows are one unit with a count: drawing N rows with replacement is drawing the counts from
    a multinomial distribution, which needs no pass over the rows. More than 5,000 units are first
    summed into groups, as in `bootstrap_ratio`.

    Args:
        statistic: from sums (R, M) to numbers by name, each (R,).
        units: what a row of each kind adds, (U, M).
        counts: rows of each kind, (U,); in all at least 2.
        seed: of the draws.
        resamples: R.
    """
    found: dict[str, list[Floats]] = {}
    for sums in drawn_sums(units, counts, seed, resamples):
        for name, values in statistic(sums).items():
            found.setdefault(name, []).append(np.asarray(values, float))
    joined = {name: np.concatenate(values) for name, values in found.items()}
    return {name: middle(values) for name, values in joined.items() if np.isfinite(values).any()}


def drawn_sums(
    units: ArrayLike, counts: ArrayLike, seed: int, resamples: int = RESAMPLES
) -> Iterator[Floats]:
    """The sums over N rows when the rows are drawn anew, as in `bootstrap_sums`.

    Args:
        units: what a row of each kind adds, (U, M).
        counts: rows of each kind, (U,); of fewer than 2 in all there are no draws.
        seed: of the draws.
        resamples: R.

    Yields:
        (r, M) until there were R of them.
    """
    table, weights = np.asarray(units, float), np.asarray(counts, np.int64)
    random = np.random.default_rng(seed)
    if len(table) > _UNITS:
        group = random.permutation(len(table)) % _UNITS
        sums = np.zeros((_UNITS, table.shape[1]))
        np.add.at(sums, group, table * weights[:, None])
        table, weights = sums, np.ones(_UNITS, np.int64)
    total = int(weights.sum())
    if total < 2:
        return
    for size in _chunks(resamples, max(table.shape)):
        drawn = random.multinomial(total, weights / total, size=size)  # (size, U)
        yield drawn @ table


def middle(values: Floats) -> Interval:
    """The middle 95 % of R values, of which some are finite; the others are left out."""
    low, high = np.percentile(values[np.isfinite(values)], _TAILS)
    return float(low), float(high)


def _chunks(resamples: int, width: int) -> list[int]:
    """How many resamples to hold at a time when each needs `width` numbers."""
    size = max(1, min(resamples, _DRAWS // width))
    return [min(size, resamples - start) for start in range(0, resamples, size)]


def _column(values: list[Any]) -> NDArray[Any]:
    """One array element a row, also where rows hold lists of unlike lengths."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
