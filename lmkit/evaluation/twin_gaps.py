"""How a model's metrics differ between texts and their twins with other words, whatever the task.

Shape letters: N rows, S spoken items of a row (words, where tags are predicted).
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmkit.evaluation.counterfactual import LIMITS, SHOWN
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.interval import Interval, bootstrap_ratio
from lmkit.evaluation.paired import CLASSES, Units, differences, values

Rows = Mapping[str, Sequence[Any]]


class TwinGaps:
    """N rows and their twins, by what each of them adds to the metrics."""

    def __init__(
        self,
        before: Units,
        after: Units,
        rows: tuple[Rows, Rows],
        ways: Sequence[int],
        seed: int,
        names: Collection[str],
    ) -> None:
        """Compare them.

        Args:
            before: what each row adds to the metrics, as the task's `units` make it.
            after: the same of the twins, in the same order.
            rows: of the texts and of their twins, as the task's `reduce` made them.
            ways: 1 where the twin has words of the second kind for those of the first, -1 the other
                way round, 0 both, (N,).
            seed: of the intervals' draws.
            names: the metrics of the task; what else follows from units is not told.
        """
        self._before, self._after, self._seed = before, after, seed
        self._names = set(names)
        self.ways = np.asarray(ways)
        told, again = (_predicted(one) for one in rows)
        self._changed = None if told is None or again is None else _changes(told, again)

    def metrics(self) -> dict[str, float]:
        """`METRIC_gap` of each metric, and `changed_share` where items are predicted."""
        first, second = values(self._before), values(self._after)
        names = [name for name in first if name in second and name in self._names]
        changes = {name: second[name] - first[name] for name in names}
        found = {f"{name}_gap": gap for name, gap in changes.items() if math.isfinite(gap)}
        if self._changed is not None:
            found["changed_share"] = float(self._changed[0].sum() / self._changed[1].sum())
        return found

    def intervals(self) -> dict[str, Interval]:
        """A paired bootstrap over the rows: a row is drawn with its twin."""
        found = {
            f"{name}_gap": one.interval
            for name, one in differences(self._before, self._after, self._seed).items()
            if name in self._names
        }
        if self._changed is not None:
            ends = bootstrap_ratio(*self._changed, self._seed)
            found |= {} if ends is None else {"changed_share": ends}
        return found

    def counts(self) -> dict[str, int]:
        """Rows, and those whose words went one way."""
        return {"rows": len(self.ways), "one_way": int((self.ways != 0).sum())}

    def by_kind(self, name: str, kinds: tuple[str, str]) -> Detail:
        """How each metric differs between the two kinds of words.

        Args:
            name: of the detail.
            kinds: of words, the first and the second of each pair.
        """
        one_way = np.flatnonzero(self.ways)
        is_second = self.ways[one_way] < 0  # the row itself has the words of the second kind
        sides: list[Units] = [{}, {}]
        for metric, before in self._before.items():
            after = self._after.get(metric, before[:0])
            if metric == CLASSES or not before.shape == after.shape == (2, len(self.ways)):
                continue
            pair = before[:, one_way], after[:, one_way]
            sides[0][metric] = np.where(is_second, pair[1], pair[0])
            sides[1][metric] = np.where(is_second, pair[0], pair[1])
        first, second = (values(side) if len(one_way) else {} for side in sides)
        ends = differences(sides[0], sides[1], self._seed)
        rows = [
            [
                metric, len(one_way), first[metric], second[metric],
                second[metric] - first[metric],
                *(ends[metric].interval if metric in ends else (None, None)),
            ]
            for metric in first
            if metric in self._names and math.isfinite(second[metric] - first[metric])
        ]  # fmt: skip
        return Detail(
            name, f"{kinds[1]} less {kinds[0]}",
            f"Each metric over the texts with {kinds[0]} and over the same texts with {kinds[1]}, "
            "of rows whose words went one way: the difference with its 95 % interval (paired "
            "bootstrap over the rows).",
            "table", ["metric", "rows", "first", "second", "difference", "low", "high"], rows,
        )  # fmt: skip

    def _ratios(self) -> tuple[str, NDArray[np.float64], NDArray[np.float64]]:
        """The metric that rows are told by, and its value for each of them, 2 times (N,)."""
        count = len(self.ways)
        for name, before in self._before.items():
            after = self._after.get(name, before[:0])
            if name != CLASSES and before.shape == after.shape == (2, count):
                with np.errstate(divide="ignore", invalid="ignore"):
                    found = [np.nan_to_num(one[0] / one[1]) for one in (before, after)]
                return name, found[0], found[1]
        return "", np.zeros(count), np.zeros(count)

    def largest(self) -> list[int]:
        """The rows that change most, the most changed first."""
        _, before, after = self._ratios()
        order = np.argsort(-np.round(np.abs(after - before), 4), kind="stable")
        found: list[int] = order[:SHOWN].tolist()
        return found

    def texts(self, rows: Sequence[tuple[int, str, str, str]]) -> Detail:
        """The rows that change most.

        Args:
            rows: of each its number, where it stands, the text and its twin.
        """
        name, before, after = self._ratios()
        return Detail(
            "largest_changes", "Texts that change most",
            f"Up to {SHOWN} rows with the largest change of their own {name or 'metric'}, before "
            "and after the swap.",
            "texts", ["where", "change", "before", "after", "text", "twin"],
            [
                [where, float(after[at] - before[at]), float(before[at]), float(after[at]), *both]
                for at, where, *both in rows
            ],
        )  # fmt: skip

    def definition(self, what: str) -> str:
        """What the numbers mean.

        Args:
            what: is swapped.
        """
        changed = ""
        if self._changed is not None:
            changed = "changed_share: items (words, of tags) that are told otherwise in the twin. "
        return (
            f"Of rows that hold {what}, and their twins with these swapped. METRIC_gap: the metric "
            f"on the twins less that on the rows. {changed}Words of unlike tokens or frequencies "
            "change a loss too, and of masked models other tokens may be hidden where the number "
            f"of tokens changes. {LIMITS}"
        )


def _predicted(rows: Rows) -> list[list[int]] | None:
    """The items that were predicted of each row, the windows of one joined; None without any."""
    found: dict[int, list[int]] = {}
    told = rows.get("predicted", ())
    owners = rows.get("document", range(len(told)))
    for owner, items in zip(owners, told, strict=False):
        found.setdefault(owner, []).extend(items if isinstance(items, list) else [items])
    flat = [item for items in found.values() for item in items]
    return list(found.values()) if flat and all(type(item) is int for item in flat) else None


def _changes(
    before: list[list[int]], after: list[list[int]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Items that changed, and all, of each row whose twin has as many, 2 times (N,)."""
    alike = [pair for pair in zip(before, after, strict=True) if len(pair[0]) == len(pair[1])]
    changed = [sum(one != other for one, other in zip(*pair, strict=True)) for pair in alike]
    return np.asarray(changed, float), np.asarray([len(pair[0]) for pair in alike], float)
