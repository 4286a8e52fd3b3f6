"""What a task's numbers are: its own, and those of the evaluate library that a recipe names.

Shape letters: N answers (rows, sentences, questions) of a split.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from lmkit.evaluation.interval import bootstrap_metrics, middle
from lmkit.evaluation.outside import OutsideMetrics
from lmkit.evaluation.paired import Units, row_units
from lmkit.recipe.base import TaskOptions

OptionsT = TypeVar("OptionsT", bound=TaskOptions)
Rows = dict[str, list[Any]]
Metrics = dict[str, float]
Intervals = dict[str, tuple[float, float]]
Answers = tuple[Sequence[Any], Sequence[Any]]
"""What was answered and what is right, (N,) both."""


@dataclass(frozen=True)
class Measures:
    """The numbers of a split."""

    metrics: Metrics
    intervals: Intervals
    """95 %, of those that have one."""
    units: Units
    """What paired comparisons need, where that is kept."""


class Measured(ABC, Generic[OptionsT]):
    """What is measured of rows."""

    options: OptionsT

    @abstractmethod
    def metrics(self, rows: Rows) -> Metrics:
        """The task's own numbers over all examples; `loss` is sum(nll) / sum(count)."""

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """95 % intervals of these: a percentile bootstrap over the N rows.

        A task whose rows are not independent (the windows of one document) overrides this.
        """
        return bootstrap_metrics(self.metrics, rows, seed)

    def units(self, rows: Rows) -> Units:
        """What each independent unit of the split adds to the metrics, for paired comparisons."""
        return row_units(rows)

    def per_class(self, rows: Rows) -> dict[str, Metrics]:  # noqa: ARG002 - without classes none
        """Numbers of each class (label, type of span) by its name, such as `f1` and `support`."""
        return {}

    @abstractmethod
    def definition(self) -> str:
        """One sentence that says what the metrics mean, for the people who read the table."""

    def answers_of(self, rows: Rows) -> Answers:  # noqa: ARG002 - it has none
        """What metrics of the evaluate library are given; a task that takes none has nothing."""
        return (), ()

    def tried(self) -> Answers:
        """Answers of such a kind, on which they are tried before anything is trained."""
        return (), ()

    @cached_property
    def outside(self) -> OutsideMetrics:
        """The metrics that are another's code."""
        return OutsideMetrics(self.options.outside_metrics)

    def prove_metrics(self) -> None:
        """Try the metrics of the evaluate library.

        Raises:
            UsageError: one cannot be had, or does not take such answers or its arguments.
        """
        if self.options.outside_metrics:
            self.outside.prove(*self.tried())

    def measure(self, rows: Rows) -> Metrics:
        """All numbers of N rows, the task's own first."""
        own = self.metrics(rows)
        return own | self.outside.numbers(*self.answers_of(rows), own)

    def measures(self, rows: Rows, seed: int, *, kept: bool) -> Measures:
        """All numbers, their intervals and, where they are `kept`, the units."""
        own, answers = self.metrics(rows), self.answers_of(rows)
        others = self.outside.numbers(*answers, own)
        drawn = self.outside.units(*answers, own)
        ends = {name: middle(values[1:]) for name, values in drawn.items()}
        units = self.units(rows) | drawn if kept else {}
        return Measures(own | others, self.intervals(rows, seed) | ends, units)

    def meaning(self) -> str:
        """What all of them mean."""
        return self.definition() + self.outside.definition()
