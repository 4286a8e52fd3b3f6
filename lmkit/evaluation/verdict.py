"""Whether a model beats the cheap predictors beside it, by its main metric."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Verdict:
    """A model against the best baseline."""

    metric: str
    """The main one of the task."""
    value: float
    """The model's."""
    baseline: str
    """The name of the best baseline that has the metric."""
    baseline_value: float
    greater_is_better: bool
    interval: tuple[float, float] | None
    """Of the model's value."""

    @property
    def margin(self) -> float:
        """By how much the model is better; negative where it is worse."""
        gained = self.value - self.baseline_value
        return gained if self.greater_is_better else -gained

    @property
    def is_sure(self) -> bool:
        """Whether the baseline lies outside the model's interval."""
        return self.interval is not None and not (
            self.interval[0] <= self.baseline_value <= self.interval[1]
        )

    def line(self) -> str:
        """For people."""
        beside = f"the best baseline ({self.baseline}: {self.metric} {self.baseline_value:.4f})"
        unsure = "" if self.is_sure or self.interval is None else ", within the 95 % interval"
        if self.margin > 0:
            return f"beats {beside} by {self.margin:.4f}{unsure}"
        behind = f" by {-self.margin:.4f}" if self.margin else ""
        return f"does not beat {beside}: it is {'behind' + behind if behind else 'equal'}{unsure}"

    def as_json(self) -> dict[str, Any]:
        """For summary.json."""
        return {
            "metric": self.metric,
            "baseline": self.baseline,
            "margin": self.margin,
            "beats": self.margin > 0,
            "text": self.line(),
        }


def verdict(
    metric: str,
    greater_is_better: bool,
    metrics: Metrics,
    intervals: Mapping[str, tuple[float, float]],
    baselines: Mapping[str, Metrics],
) -> Verdict | None:
    """The model against the best baseline that has the metric; None where none has.

    Args:
        metric: the task's main one.
        greater_is_better: whether a larger one is better.
        metrics: of the model.
        intervals: of the metrics.
        baselines: metrics by baseline.
    """
    found = {
        name: numbers[metric]
        for name, numbers in baselines.items()
        if math.isfinite(numbers.get(metric, math.nan))
    }
    if not found or not math.isfinite(metrics.get(metric, math.nan)):
        return None
    best = (max if greater_is_better else min)(found, key=lambda name: found[name])
    return Verdict(
        metric, metrics[metric], best, found[best], greater_is_better, intervals.get(metric)
    )
