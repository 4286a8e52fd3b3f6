"""Two models on the same rows: by how much their metrics differ, and how sure that is.

Each unit (document, row, question, sentence) that was scored adds something to the sums that a
metric is made of; both models are measured on the same draws of units (paired bootstrap: Efron and
Tibshirani 1993, section 16; Koehn 2004, Statistical Significance Tests for Machine Translation
Evaluation), which is far sharper than comparing two intervals. Right-or-wrong metrics are tested
exactly (McNemar 1947, Psychometrika 12:153). Shape letters: N units, C classes, R resamples.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from lmkit.evaluation.interval import drawn_sums
from lmkit.evaluation.redrawn import REDRAWN, SEED, redrawn_areas, redrawn_correlations
from lmkit.evaluation.tallies import Tallies, figures, matthews

CLASSES = "classes"
"""The units that hold the true and the predicted class of each row."""
RESAMPLES = 2000
LEVEL = 0.05
"""A difference is shown where its p-value is lower and its interval leaves out 0."""
BOOTSTRAP, MCNEMAR = "paired bootstrap", "exact McNemar test"
_CELLS = 1 << 24  # numbers held for the classes of one comparison (128 MB)

Floats = NDArray[np.float64]
Units = dict[str, NDArray[Any]]
"""By metric (2, N): what each unit adds above and below the line of the ratio that the metric is.

Of a metric that is no ratio of sums (1 + S,): its value, then that of S draws of the units, which
are the same draws for every model of as many units. Under CLASSES the true and the predicted class
of each row.
"""


@dataclass(frozen=True)
class Difference:
    """The second model's metric less the first's."""

    value: float
    interval: tuple[float, float]
    """95 %, by the paired bootstrap."""
    p: float
    """Two-sided: how often chance alone makes as large a difference."""
    test: str

    @property
    def is_shown(self) -> bool:
        """Whether it is more than chance: the interval leaves out 0, and the test agrees."""
        low, high = self.interval
        return not low <= 0 <= high and self.p < LEVEL

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "value": self.value, "interval": list(self.interval), "p": self.p, "test": self.test,
            "is_shown": self.is_shown,
        }  # fmt: skip


def row_units(rows: Mapping[str, Sequence[Any]]) -> Units:
    """The units of independent rows: `loss`, and what follows from what is predicted.

    Args:
        rows: (N,) each: `nll` and `count`; maybe `gold` and `predicted`, which are classes, numbers
            (whose squared difference `nll` is) or, (N, C), whether a row has each of the classes;
            and `odds` (N, C), which rank the rows by each class.
    """
    found: Units = {"loss": np.asarray([rows["nll"], rows["count"]], float)}
    pair = [np.asarray(rows[key]) for key in ("gold", "predicted") if key in rows]
    kinds = {(one.ndim, one.dtype.kind) for one in pair}
    if kinds == {(1, "i")}:
        found |= {CLASSES: np.stack(pair), "accuracy": shares(pair[0] == pair[1])}
        if "odds" in rows:
            odds = np.asarray(rows["odds"])
            found |= redrawn_areas(pair[0][:, None] == np.arange(odds.shape[1]), odds)
    elif kinds == {(1, "f")}:
        gold, told = pair
        found["mse"] = found["loss"]
        found |= redrawn_correlations(told, gold)
    elif kinds == {(2, "b")}:
        gold, told = pair
        table = np.concatenate([gold & told, gold, told], axis=1).astype(float)  # (N, 3 C)
        sums = np.concatenate([table.sum(0)[None], _draws(table, SEED, REDRAWN)])
        found |= figures(Tallies(*np.split(sums, 3, axis=-1)))
        found["subset_accuracy"] = shares((gold == told).all(-1))
        if "odds" in rows:
            found |= redrawn_areas(gold, np.asarray(rows["odds"]))
    return found


def shares(values: Any) -> Floats:
    """The units of a mean over rows: each value, and 1."""
    above = np.asarray(values, float)
    return np.stack([above, np.ones_like(above)])


def values(units: Units, classes: int = 0) -> dict[str, float]:
    """The metrics that follow from units.

    Args:
        units: of one model.
        classes: C; 0: what needs classes is left out.
    """
    found = {
        name: _ratio(*one.sum(1)) if one.ndim == 2 else float(one[0])
        for name, one in units.items()
        if name != CLASSES
    }
    if classes and CLASSES in units:
        table = _one_hot(units[CLASSES][0], units[CLASSES], classes)
        found |= {name: float(one) for name, one in _of_classes(table.sum(0), classes).items()}
    if "loss" in found:
        found["perplexity"] = float(_exp(found["loss"]))
    return found


def differences(
    first: Units, second: Units, seed: int, classes: int = 0, resamples: int = RESAMPLES
) -> dict[str, Difference]:
    """How the metrics of two models differ that were scored on the same N units.

    Args:
        first: of the model that is compared with.
        second: of the other.
        seed: of the draws.
        classes: C, where both predict the same classes; 0: what needs them is left out.
        resamples: R.

    Returns:
        By metric; none where there are fewer than two units or the units are not the same.
    """
    names = [
        name
        for name in first
        if name in second
        and name != CLASSES
        and first[name].ndim == second[name].ndim == 2
        and all(np.isfinite(one[name]).all() for one in (first, second))
    ]
    sizes = {one[name].shape for one in (first, second) for name in names}
    if len(sizes) != 1 or next(iter(sizes))[1] < 2:
        return {}
    table = np.concatenate([np.concatenate([first[name], second[name]]) for name in names]).T
    drawn = _draws(table, seed, resamples)  # (R, 4 a metric)
    found: dict[str, Difference] = {}
    for place, name in enumerate(names):
        changes = {name: _change(drawn, place), "perplexity": _change(drawn, place, _exp)}
        whole = table.sum(0)[None]
        for key in (name, "perplexity") if name == "loss" else (name,):
            value = _change(whole, place, _exp if key == "perplexity" else None)
            found[key] = _difference(float(value[0]), changes[key])
        if _are_right_or_wrong(first[name], second[name]):
            p = mcnemar(first[name][0], second[name][0])
            found[name] = Difference(found[name].value, found[name].interval, p, MCNEMAR)
    for name in first.keys() & second.keys():
        if first[name].ndim == second[name].ndim == 1:
            size = min(len(first[name]), len(second[name]))  # one may have had time for fewer
            change = second[name][:size] - first[name][:size]
            found[name] = _difference(float(change[0]), change[1:])
    if classes and _same_rows(first, second) and table.shape[0] * 5 * classes <= _CELLS:
        found |= _class_differences(first, second, seed, classes, resamples)
    return {name: one for name, one in found.items() if math.isfinite(one.value)}


def mcnemar(first: Floats, second: Floats) -> float:
    """The two-sided p-value of two models being right as often.

    Of the rows in which only one is right, each is as likely to be the one: a binomial test.

    Args:
        first: (N,) 1 where the first is right, else 0.
        second: (N,) the same of the second.
    """
    only_first = int(((first == 1) & (second == 0)).sum())
    only_second = int(((first == 0) & (second == 1)).sum())
    count = only_first + only_second
    if not count:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(only_first, only_second), count, 0.5)))


def _class_differences(
    first: Units, second: Units, seed: int, classes: int, resamples: int
) -> dict[str, Difference]:
    """Those of F1, precision, recall and Matthews' correlation."""
    gold = first[CLASSES][0]
    table = np.concatenate(
        [_one_hot(gold, one[CLASSES], classes) for one in (first, second)], axis=1
    )

    def changes(sums: Floats) -> dict[str, Floats]:
        before, after = np.split(sums, 2, axis=-1)
        ours, theirs = _of_classes(after, classes), _of_classes(before, classes)
        return {name: ours[name] - theirs[name] for name in ours}

    value, drawn = changes(table.sum(0)[None]), changes(_draws(table, seed, resamples))
    return {name: _difference(float(value[name][0]), drawn[name]) for name in drawn}


def _one_hot(gold: NDArray[Any], pair: NDArray[Any], classes: int) -> Floats:
    """What each row adds to the tallies: (N, 3 C)."""
    identity = np.eye(classes)
    true, told = identity[gold], identity[pair[1]]
    return np.concatenate([true * told, true, told], axis=1)


def _of_classes(sums: Floats, classes: int) -> dict[str, Floats]:
    """The metrics of summed tallies (..., 3 C)."""
    tallies = Tallies(*np.split(sums, [classes, 2 * classes], axis=-1))
    return {**figures(tallies), "mcc": matthews(tallies)}


def _draws(table: Floats, seed: int, resamples: int) -> Floats:
    """The sums over N units of (N, M), drawn anew: (R, M)."""
    return np.concatenate(list(drawn_sums(table, np.ones(len(table)), seed, resamples)))


def _change(
    sums: Floats, place: int, transform: Callable[[Floats], Floats] | None = None
) -> Floats:
    """The second ratio of a metric less its first, (R,): NaN where nothing is below the line."""
    above_1, below_1, above_2, below_2 = sums[:, 4 * place : 4 * place + 4].T
    with np.errstate(divide="ignore", invalid="ignore"):
        before, after = above_1 / below_1, above_2 / below_2
    if transform is not None:
        before, after = transform(before), transform(after)
    with np.errstate(invalid="ignore"):  # infinity less itself
        change: Floats = after - before
    return change


def _difference(value: float, drawn: Floats) -> Difference:
    """From the differences of R draws."""
    finite = drawn[np.isfinite(drawn)]
    if not len(finite):
        return Difference(math.nan, (math.nan, math.nan), 1.0, BOOTSTRAP)
    low, high = np.percentile(finite, (2.5, 97.5))
    tail = min((finite <= 0).sum(), (finite >= 0).sum())
    p = min(1.0, 2 * (int(tail) + 1) / (len(finite) + 1))
    return Difference(value, (float(low), float(high)), p, BOOTSTRAP)


def _same_rows(first: Units, second: Units) -> bool:
    """Whether both hold classes, of rows that have the same true ones."""
    if CLASSES not in first or CLASSES not in second:
        return False
    return np.array_equal(first[CLASSES][0], second[CLASSES][0])


def _are_right_or_wrong(first: Floats, second: Floats) -> bool:
    """Whether a metric is the share of the same units, all or some, in which a model is right."""
    counted = np.array_equal(first[1], second[1]) and np.isin(first[1], (0, 1)).all()
    right = np.isin([first[0], second[0]], (0, 1)).all() and (first[0] <= first[1]).all()
    return bool(counted and right and (second[0] <= second[1]).all())


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below else math.nan


def _exp(value: Any) -> Any:
    """exp, infinite where float64 ends."""
    with np.errstate(over="ignore"):
        return np.exp(value)
