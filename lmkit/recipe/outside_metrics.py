"""Metrics that are another's code: named in `task.metrics`, run only with a key that says so."""

from collections.abc import Collection, Sequence
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from lmkit.recipe.base import Section, TaskOptions
from lmkit.recipe.mixture import Name
from lmkit.recipe.nearest import did_you_mean

KEY = "task.trust_metric_code"
_GIVEN = ("predictions", "references")  # by lmkit, not by a recipe


class OutsideMetric(Section):
    """A metric of the evaluate library, where more is said of it than its name."""

    name: Name
    """Its folder (`metrics/gap`, which holds `gap.py`), its script, or its name on the hub."""
    config_name: Name | None = None
    """Which of its kinds, where it has several (`multilabel` of `f1`); left out, its default."""
    arguments: dict[Name, Any] = Field(default_factory=dict)
    """What it is called with beside the answers, such as `average: macro`; they are held against
    its parameters before the first step."""

    @property
    def label(self) -> str:
        """What messages call it: its name, and the values that tell it from others of that name."""
        kind = {} if self.config_name is None else {"config_name": self.config_name}
        told = [f"{key}={value}" for key, value in (kind | self.arguments).items()]
        return f"{self.name} ({', '.join(told)})" if told else self.name

    @model_validator(mode="after")
    def _not_the_answers(self) -> "OutsideMetric":
        for key in _GIVEN:
            if key in self.arguments:
                raise ValueError(
                    f"task.metrics: `{key}` of {self.name} are not for a recipe to give"
                )
        return self


Metric = Name | OutsideMetric


class MeasuredOptions(TaskOptions):
    """Options of tasks whose answers metrics of the evaluate library may measure too."""

    chooses_own: ClassVar[bool] = False
    """Whether `metrics` also says which of lmkit's own are told; else all are, unnamed."""

    metrics: list[Metric] = Field(default_factory=list)
    """Further metrics of the evaluate library: a folder (`metrics/gap`, which holds `gap.py`), a
    name on the hub, or a mapping with arguments: `{name: metrics/f1, arguments: {average: macro}}`.
    Each is code: see `trust_metric_code`. They get ids of labels (lists of 0 and 1 where a row may
    have several), numbers (a regression, pairs of texts with a score), the number of the chosen
    answer, the tags of sentences (ner), or answers as SQuAD's scripts take them (qa)."""
    trust_metric_code: bool = False
    """Run the code of metrics that are not lmkit's: it may do all that you may, so read it first.
    Training warns of it, and the manifest has its hashes; `eval` runs it only if told again."""

    @property
    def own_names(self) -> tuple[str, ...]:
        """The metrics that lmkit measures itself."""
        return ()

    @property
    def own_metrics(self) -> list[str]:
        """Those of lmkit itself that `metrics` names, in its order."""
        return [one for one in self.metrics if isinstance(one, str) and one in self.own_names]

    @property
    def outside_metrics(self) -> tuple[OutsideMetric, ...]:
        """Those of the evaluate library."""
        return outside_of(self.metrics, self.own_names)

    @model_validator(mode="after")
    def _known_metrics(self) -> Self:
        if self.own_metrics and not self.chooses_own:
            raise ValueError(f"task.metrics: `{self.own_metrics[0]}` is always told; leave it out")
        check_outside(self.metrics, self.own_names, trusted=self.trust_metric_code)
        return self


def outside_of(metrics: Sequence[Metric], own: Collection[str]) -> tuple[OutsideMetric, ...]:
    """Those that are another's code: every mapping, and the names that are not among `own`."""
    found = (OutsideMetric(name=one) if isinstance(one, str) else one
             for one in metrics if not isinstance(one, str) or one not in own)  # fmt: skip
    return tuple(found)


def check_outside(metrics: Sequence[Metric], own: Collection[str], *, trusted: bool) -> None:
    """Hold `task.metrics` against the key that lets another's code run.

    Args:
        metrics: all of them.
        own: those that lmkit measures itself, whatever is named.
        trusted: `task.trust_metric_code`.

    Raises:
        ValueError: a metric comes twice, brings code that may not be run, or the key is set in
            vain.
    """
    outside = outside_of(metrics, own)
    labels = [one for one in metrics if isinstance(one, str) and one in own]
    labels += [one.label for one in outside]
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise ValueError(f"task.metrics: `{twice[0]}` is named more than once")
    if outside and not trusted:
        raise ValueError(
            f"task.metrics: `{outside[0].name}` is none of lmkit's ({', '.join(own)})"
            f"{did_you_mean(outside[0].name, own)}; a metric of the evaluate library, by its "
            f"folder or its name on the hub, is code: {KEY}: true lets it run, for code that you "
            "have read"
        )
    if trusted and not outside:
        raise ValueError(f"{KEY}: no metric in task.metrics brings code; leave it out")
