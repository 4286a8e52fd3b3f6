"""Score a split: one function for the end of a run and for `lmkit eval`, so that both say the same.

Metrics with their 95 % intervals, the baselines on the same items, and how many there were.
"""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lmkit.commands.summary import class_lines
from lmkit.data.sources import Source
from lmkit.details import details_of
from lmkit.details.grouping import column_groups
from lmkit.details.scored import Scored
from lmkit.errors import DataError
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.paired import Units
from lmkit.evaluation.scoring import Progress, score
from lmkit.evaluation.verdict import Verdict, verdict
from lmkit.tasks.base import Intervals, Metrics, Rows, Task

WIDTH = 88  # columns of what is printed for people


@dataclass(frozen=True)
class Evaluation:
    """What is known of a model on one split."""

    task: str
    split: str
    """`train`, `validation`, `test`, or the path of a file."""
    metrics: Metrics
    intervals: Intervals
    """95 %, for the metrics that have one."""
    baselines: dict[str, Metrics]
    counts: dict[str, int]
    """`documents` (where the task has them), `rows` and `predicted` items."""
    definition: str
    """What the metrics mean."""
    per_class: dict[str, Metrics] = field(default_factory=dict)
    """Numbers of each class by its name, where the task has classes."""
    main: tuple[str, bool] = ("loss", False)
    """The metric that decides, and whether a larger one is better."""
    units: Units = field(default_factory=dict)
    """What each scored unit adds to the metrics, where it is kept; no part of the summary."""
    verdict: Verdict | None = None
    """Whether the best baseline is beaten; None where none has the task's main metric."""
    details: Sequence[Detail] = ()
    """What else there is to tell, where it was asked for; no part of the summary."""

    def as_json(self) -> dict[str, Any]:
        """The part of summary.json that tells of the model; a number that is not finite is null."""
        return {
            "task": self.task,
            "split": self.split,
            "metrics": _finite(self.metrics),
            "intervals": {name: list(_finite(ends)) for name, ends in self.intervals.items()},
            "baselines": {name: _finite(found) for name, found in self.baselines.items()},
            **({"per_class": self.per_class} if self.per_class else {}),
            **({"against_baselines": self.verdict.as_json()} if self.verdict else {}),
            "main": {"metric": self.main[0], "greater_is_better": self.main[1]},
            "counts": self.counts,
            "definition": self.definition,
        }

    def table(self) -> str:
        """For people: a line a metric, the baselines beneath, how many items, what it means."""
        rows = [("metric", "value", "95 % interval")]
        for name, value in self.metrics.items():
            ends = self.intervals.get(name)
            interval = f"{_figure(ends[0])} to {_figure(ends[1])}" if ends else "-"
            rows.append((name, _figure(value), interval))
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c}" for a, b, c in rows]
        for name, found in self.baselines.items():
            numbers = ", ".join(f"{metric} {_figure(value)}" for metric, value in found.items())
            lines += textwrap.wrap(f"baseline {name}: {numbers}", WIDTH, subsequent_indent="  ")
        if self.verdict is not None:
            lines.append(f"the model {self.verdict.line()}")
        lines += class_lines(self.per_class)
        numbers = ", ".join(_amount(count, name) for name, count in self.counts.items())
        return "\n".join([*lines, f"{self.split}: {numbers}", *self.explanation()])

    def explanation(self) -> list[str]:
        """The definition, in lines that fit a terminal."""
        return textwrap.wrap(self.definition, WIDTH)


def evaluate_split(  # noqa: PLR0913 - five say what, four say how
    task: Task[Any],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    source: Source,
    *,
    batch_size: int,
    seed: int,
    train: Source | None = None,
    rank: int = 0,
    world_size: int = 1,
    progress: Progress | None = None,
    detailed: bool = False,
    kept: bool = False,
    columns: Sequence[str] = (),
) -> Evaluation:
    """Metrics, intervals and baselines of a model on one split.

    Args:
        task: not attached to the model.
        model: on its device.
        tokenizer: the model's.
        source: the split.
        batch_size: sequences at a time; no number depends on it.
        seed: of the masks and of the intervals' draws.
        train: the training split, for baselines that learn from it.
        rank: this process.
        world_size: how many processes share the rows; each gets the whole result.
        progress: called with (rows done, rows to do) of this process.
        detailed: whether details are made too.
        kept: whether what each row gave is kept, for comparisons.
        columns: of the data, by whose values the details are sliced.

    Raises:
        DataError: the split cannot be read or holds nothing to score.
        UsageError: there is no such column, or it holds too many texts.
    """
    groups = column_groups(source, columns)
    examples = task.examples(source, tokenizer, seed=seed, training=False)
    if not len(examples):
        raise DataError(f"{source.name}: holds no document, so there is nothing to score")
    task.attach(model)
    try:
        rows = score(
            model, task, examples, batch_size=batch_size, rank=rank,
            world_size=world_size, progress=progress,
        )  # fmt: skip
    finally:
        task.detach(model)
    measures = task.measures(rows, seed, kept=kept)
    baselines = task.baselines(train, source, examples, tokenizer)
    main, greater = task.headline or (task.best_metric, task.greater_is_better)
    details = details_of(Scored(task, rows, source, examples, seed, groups)) if detailed else ()
    return Evaluation(
        task=task.options.name,
        split=source.name,
        metrics=measures.metrics,
        intervals=measures.intervals,
        baselines=baselines,
        counts=_counts(rows),
        definition=task.meaning(),
        per_class=task.per_class(rows),
        main=(main, greater),
        units=measures.units,
        verdict=verdict(main, greater, measures.metrics, measures.intervals, baselines),
        details=details,
    )


def _counts(rows: Rows) -> dict[str, int]:
    """How much the numbers rest on."""
    counts = {"rows": len(rows["count"]), "predicted": int(sum(rows["count"]))}
    if any(rows.get("unknown", ())):
        counts["unknown"] = int(sum(rows["unknown"]))
    if "question" in rows:  # read in several windows, but scored once
        counts = {"rows": len(set(rows["question"])), "windows": counts.pop("rows"), **counts}
    if "document" in rows:
        counts = {"documents": len(set(rows["document"])), **counts}
    return counts


def _amount(count: int, name: str) -> str:
    """`1,234 rows`, `1 row`."""
    return f"{count:,} {name.removesuffix('s') if count == 1 else name}"


def _figure(value: float) -> str:
    """Four decimals, or fewer for a large number."""
    if not math.isfinite(value) or abs(value) >= 1e7:
        return f"{value:.4g}"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def _finite(numbers: Any) -> Any:
    """The same dictionary or sequence with None for what JSON cannot write."""
    if isinstance(numbers, dict):
        return {key: value if math.isfinite(value) else None for key, value in numbers.items()}
    return [value if math.isfinite(value) else None for value in numbers]
