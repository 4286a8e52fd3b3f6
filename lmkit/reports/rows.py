"""The lines of a metrics.jsonl as series of numbers, and fewer points that keep every spike.

Shape letters: N points of a series.
"""

import itertools
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

EVALUATED = "eval_"
_PLACES = ("step", "epoch")  # where a line stands, not what was measured there
_UNTOLD = ("runtime", "samples_per_second", "steps_per_second")  # of Trainer's evaluations

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """One number over the steps of a run."""

    steps: Floats
    """(N,) ascending."""
    values: Floats
    """(N,) NaN where the number was not finite."""

    @property
    def unknown(self) -> int:
        """Values that were not finite."""
        return int((~np.isfinite(self.values)).sum())


@dataclass(frozen=True)
class Log:
    """What a metrics.jsonl holds."""

    training: dict[str, Series] = field(default_factory=dict)
    """By key of the training lines, in the order they were met."""
    evaluation: dict[str, Series] = field(default_factory=dict)
    """By metric, without `eval_`."""
    lines: int = 0
    """Whole ones, that were used."""
    damaged: int = 0
    """Lines that could not be read, and were left out."""

    def remark(self, name: str) -> str | None:
        """A sentence on the damaged lines of the file of this name; None where there are none."""
        if not self.damaged:
            return None
        whole = self.lines + self.damaged
        return f"{self.damaged:,} of {whole:,} lines of {name} are damaged and were left out."

    @property
    def last_step(self) -> int | None:
        """The largest step of any line; None of an empty file."""
        ends = [int(one.steps[-1]) for one in (*self.training.values(), *self.evaluation.values())]
        return max(ends, default=None)


def read_log(path: Path) -> Log:
    """Every line that can be read, and the count of those that cannot.

    A file that is not there is an empty log. Lines are sorted by step, as a damaged file may hold
    them in any order.

    Raises:
        OSError: the file is there and cannot be read.
    """
    if not path.is_file():
        return Log()
    found: tuple[dict[str, list[tuple[float, float]]], ...] = ({}, {})
    lines = damaged = 0
    with path.open("rb") as file:
        for text in file:
            line = parsed(text)
            if line is None:
                damaged += bool(text.strip())
                continue
            lines += 1
            step = line["step"]
            for key, value in line.items():
                scored = key.startswith(EVALUATED)
                name = key.removeprefix(EVALUATED) if scored else key
                if key not in _PLACES and name not in _UNTOLD and _is_number(value):
                    number = math.nan if value is None else float(value)
                    found[scored].setdefault(name, []).append((step, number))
    training, evaluation = ({key: _series(pairs) for key, pairs in one.items()} for one in found)
    return Log(training, evaluation, lines, damaged)


def thin(series: Series, most: int) -> Series:
    """At most `most` of the N points: of each stretch of them the lowest and the highest.

    What is drawn through them has the outline of the whole series: no spike is averaged away. The
    first and the last finite point stay.

    Args:
        series: what is not finite is left out.
        most: an even number, at least 4.
    """
    there = np.isfinite(series.values)
    steps, values = series.steps[there], series.values[there]
    if len(values) <= most:
        return Series(steps, values)
    edges = np.linspace(0, len(values), most // 2, dtype=int)
    kept = {0, len(values) - 1}
    for begin, end in itertools.pairwise(edges):
        stretch = values[begin:end]
        kept |= {int(begin + stretch.argmin()), int(begin + stretch.argmax())}
    chosen = np.asarray(sorted(kept))
    return Series(steps[chosen], values[chosen])


def parsed(text: bytes) -> dict[str, Any] | None:
    """The object of a line that has a step; None where it is damaged."""
    try:
        line = from_json(text)  # three times as fast as json.loads
        usable = isinstance(line, dict) and math.isfinite(line["step"])
        for value in line.values() if usable else ():
            if _is_number(value) and value is not None:
                float(value)  # an integer may be too large for one
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return line if usable else None


def _is_number(value: Any) -> bool:
    """Whether a value is a number, or the null that stands for one that is not finite."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _series(pairs: list[tuple[float, float]]) -> Series:
    steps, values = np.asarray(pairs, dtype=np.float64).T  # (N,) both
    order = np.argsort(steps, kind="stable")
    values = np.where(np.isfinite(values), values, np.nan)
    return Series(steps[order], values[order])
