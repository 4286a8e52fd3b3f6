"""How good a model is on parts of the data: groups by length or by the values of a column.

Shape letters: N units (rows, documents, questions), G groups.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmkit.evaluation.detail import Detail
from lmkit.evaluation.interval import bootstrap_ratio, wilson

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Measure:
    """A number of any group of units: the sum of one value over the sum of another."""

    name: str
    above: ArrayLike
    """(N,)"""
    below: ArrayLike
    """(N,)"""
    share: bool = False
    """Whether each unit is right or wrong, `below` is 1 and the interval is Wilson's; else it is a
    bootstrap over the units."""

    def row(self, chosen: Ints, seed: int) -> list[float | None]:
        """The number of some units, and the ends of its 95 % interval where there is one."""
        above, below = np.asarray(self.above, float)[chosen], np.asarray(self.below, float)[chosen]
        if not below.sum():
            return [None, None, None]
        if self.share:
            ends = wilson(float(above.sum()), float(len(chosen)))
        else:
            ends = bootstrap_ratio(above, below, seed) or (None, None)  # type: ignore[assignment]
        return [float(above.sum() / below.sum()), *ends]


@dataclass(frozen=True)
class Groups:
    """Which of G groups each of N units is in."""

    names: list[str]
    """(G,)"""
    of: Ints
    """(N,)"""

    def taken(self, places: ArrayLike) -> "Groups":
        """The groups of the units at these places."""
        return Groups(self.names, self.of[np.asarray(places, np.int64)])


def by_quantile(values: ArrayLike, parts: int = 4) -> Groups:
    """Groups of like values, about equally many in each; equal values stay together.

    Args:
        values: finite, (N,), at least one.
        parts: the most groups.
    """
    found = np.asarray(values, float)
    shares = np.arange(1, parts + 1) / parts
    tops = np.unique(np.quantile(found, shares, method="inverted_cdf"))  # each one of the values
    of = np.searchsorted(tops, found, side="left")
    held = [found[of == number] for number in range(len(tops))]
    return Groups([_span(float(part.min()), float(part.max())) for part in held], of)


def sliced(
    name: str,
    title: str,
    groups: Groups,
    measures: Sequence[Measure],
    *,
    unit: str,
    seed: int,
    further: Mapping[str, Callable[[Ints], Any]] | None = None,
) -> Detail:
    """A table of the groups: how many units each has, and its numbers with their intervals.

    Args:
        name: of the detail.
        title: of the detail.
        groups: of the N units.
        measures: the numbers.
        unit: what a unit is, in the plural.
        seed: of the bootstrap's draws.
        further: numbers without an interval, from the places of some units.
    """
    extra = further or {}
    columns = ["group", unit]
    for measure in measures:
        columns += [measure.name, f"{measure.name}_low", f"{measure.name}_high"]
    rows = []
    for number, group in enumerate(groups.names):
        chosen = np.flatnonzero(groups.of == number)
        if len(chosen):
            numbers = [cell for measure in measures for cell in measure.row(chosen, seed)]
            rows.append([group, len(chosen), *numbers, *(f(chosen) for f in extra.values())])
    how = " and ".join(
        dict.fromkeys(
            "Wilson's for shares" if m.share else f"a bootstrap over the {unit}" for m in measures
        )
    )
    return Detail(
        name, title,
        f"Each number over the {unit} of one group alone, with its 95 % interval ({how}). Of many "
        "groups some differ by chance.",
        "table", [*columns, *extra], rows,
    )  # fmt: skip


def _span(low: float, high: float) -> str:
    return f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
