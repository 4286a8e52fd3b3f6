"""The figures of a report: which there are, their points, and what they say in words.

They are drawn in the reader's browser by uPlot (uplot/, MIT license), a canvas library of 50 kB.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmkit.reports.numbers import cut, figure, number
from lmkit.reports.rows import Log, Series, thin

POINTS = 1500
"""The most points of a series that are drawn: more than a screen has columns."""
SAMPLED = 10
"""Points of a series that stand in the table below its figure."""
_FEWEST = 100  # points of a series, however many runs there are
_MOST = 16  # figures of further numbers
_WIDE = 100.0  # times the median that make a scale logarithmic
_FIRST = {
    "learning_rate": "Learning rate",
    "grad_norm": "Gradient norm",
    "tokens_per_second": "Tokens per second",
}
_NOT_DRAWN = ("loss", "tokens")


@dataclass(frozen=True)
class Figure:
    """One drawing: several series over one axis."""

    title: str
    series: Mapping[str, Series]
    """By name, as they are drawn."""
    text: str
    """What it shows, for those who do not see it."""
    axis: str = "step"
    logarithmic: bool = False

    def drawn(self) -> dict[str, Any]:
        """For the script of the page: `data` is the axis, then a column for each series."""
        axis, columns = self._aligned(self.series)
        return {
            "title": self.title,
            "axis": self.axis,
            "names": list(self.series),
            "log": self.logarithmic,
            "data": [axis, *columns],
        }

    def table(self) -> list[list[float | None]]:
        """At most 10 points of each series as rows: the axis, then each series' value or None."""
        axis, columns = self._aligned({key: _spread(one) for key, one in self.series.items()})
        return [list(row) for row in zip(axis, *columns, strict=True)]

    def _aligned(
        self, series: Mapping[str, Series]
    ) -> tuple[list[float], list[list[float | None]]]:
        """The places of all series together, and each series' values there."""
        axis = sorted({place for one in series.values() for place in one.steps.tolist()})
        columns = []
        for one in series.values():
            at = dict(zip(one.steps.tolist(), one.values.tolist(), strict=True))
            columns.append([_short(at[place]) if place in at else None for place in axis])
        return axis, columns


def curves(log: Log) -> list[Figure]:
    """The curves of a run: loss, rate, gradient, speed, every validation metric, whatever else."""
    losses = {
        name: part["loss"]
        for name, part in (("training", log.training), ("validation", log.evaluation))
        if "loss" in part
    }
    others = {key: title for key, title in _FIRST.items() if key in log.training}
    others |= {
        key: key.replace("_", " ").capitalize()
        for key, one in log.training.items()
        if key not in (*_FIRST, *_NOT_DRAWN) and np.unique(one.values).size > 1
    }
    found = [
        _figure("Loss", losses),
        *(_figure(title, {title.lower(): log.training[key]}) for key, title in others.items()),
        *(
            _figure(f"Validation: {key}", {key: one})
            for key, one in log.evaluation.items()
            if key != "loss"
        ),
    ]
    return [one for one in found if one is not None][:_MOST]


def overlaid(logs: Mapping[str, Log]) -> list[Figure]:
    """The curves of several runs, each in one figure with the others'.

    Args:
        logs: by the name of the run.
    """
    parts = {
        "Training loss": ("training", "loss"),
        **{title: ("training", key) for key, title in _FIRST.items()},
        "Validation loss": ("evaluation", "loss"),
    }
    parts |= {
        f"Validation: {key}": ("evaluation", key)
        for log in logs.values()
        for key in log.evaluation
        if key != "loss"
    }
    found = []
    for title, (kind, key) in parts.items():
        series = {name: getattr(log, kind)[key] for name, log in logs.items()
                  if key in getattr(log, kind)}  # fmt: skip
        found.append(_figure(title, series, most=max(_FEWEST, POINTS // len(logs))))
    return [one for one in found if one is not None][:_MOST]


def lines(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Figure | None:
    """A figure of a table whose first column is the axis; None where that holds no numbers."""
    numbers = []
    for row in rows:
        values = [number(value) for value in row]
        if values and np.isfinite(values[0]) and len(values) == len(columns):
            numbers.append(values)
    if not numbers or len(columns) < 2:
        return None
    table = np.asarray(sorted(numbers, key=lambda row: row[0]))
    series = {
        cut(str(name), 100): Series(table[:, 0], table[:, place])
        for place, name in enumerate(columns[1:], start=1)
    }
    return _figure(cut(title, 200), series, cut(str(columns[0]), 100), scaled=False)


def _figure(
    title: str,
    series: Mapping[str, Series],
    axis: str = "step",
    *,
    scaled: bool = True,
    most: int = POINTS,
) -> Figure | None:
    """The figure of series as they were measured; None where no value is finite."""
    whole = {name: one for name, one in series.items() if one.unknown < len(one.values)}
    if not whole:
        return None
    finite = np.concatenate([one.values[np.isfinite(one.values)] for one in whole.values()])
    steep = finite.min() > 0 and finite.max() > _WIDE * np.median(finite)
    told = [_told(name, one, axis, most) for name, one in series.items()]
    if scaled and steep:
        told.append("The scale is logarithmic.")
    thinned = {name: thin(one, most) for name, one in whole.items()}
    return Figure(title, thinned, " ".join(told), axis, bool(scaled and steep))


def _told(name: str, series: Series, axis: str, most: int) -> str:
    """A series in words: its ends, its extremes, how it was thinned, what is left out."""
    finite = np.flatnonzero(np.isfinite(series.values))
    if not len(finite):
        return f"{name}: no value is finite."
    steps, values = series.steps[finite], series.values[finite]
    low, high = int(values.argmin()), int(values.argmax())

    def at(place: int) -> str:
        return f"{figure(values[place])} at {axis} {figure(steps[place])}"

    text = f"{name}: {at(0)}"
    if len(values) > 1:
        text += f" to {at(-1)}; lowest {at(low)}, highest {at(high)}"
    text += "."
    if len(values) > most:
        text += (
            f" Drawn are {most:,} of {len(values):,} points: the lowest and the highest of each "
            "stretch, so that every spike stays."
        )
    if series.unknown:
        text += f" {series.unknown:,} values were not finite and are left out."
    return text


def _spread(series: Series) -> Series:
    """At most SAMPLED points, evenly spread, the ends among them."""
    count = len(series.values)
    places = np.unique(np.linspace(0, count - 1, min(count, SAMPLED)).round().astype(int))
    return Series(series.steps[places], series.values[places])


def _short(value: float) -> float | None:
    """Six digits: a page holds thousands of numbers, and no eye sees more."""
    return float(f"{value:.6g}") if np.isfinite(value) else None
