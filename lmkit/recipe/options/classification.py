"""Options of `classification`: a label for each text, several labels, or a number."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from lmkit.recipe.base import Section
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.outside_metrics import MeasuredOptions

Label = Annotated[str, Field(min_length=1)]
Weight = Annotated[float, Field(ge=0.0)]
ProblemName = Literal["single_label_classification", "multi_label_classification", "regression"]

OWN_OF_LABELS = (
    "accuracy", "macro_f1", "micro_f1", "weighted_f1", "precision", "recall", "mcc", "auroc",
)  # fmt: skip
OWN_OF_NUMBERS = ("mse", "pearson", "spearman")
FOCAL_GAMMA = 2.0  # the best of Lin et al. 2017, table 1b


class ClassificationOptions(MeasuredOptions):
    """Give each text (or pair of texts) one of a set of labels, several of them, or a number."""

    augments: ClassVar[bool] = True

    name: Literal["classification"]
    """The task."""
    problem: ProblemName = "single_label_classification"
    """What is told of a text, in Hugging Face's words for `problem_type`: one of the labels, any
    number of them, or a number on a scale. `single_label` and `multi_label` mean the same."""
    text_column: str = "text"
    """The column that holds the text."""
    text_pair_column: str | None = None
    """The column of a second text that is read together with the first; left out, there is none."""
    label_column: str = "label"
    """The column that holds the label (text or a whole number), the list of labels, or the
    number."""
    label_separator: Annotated[str, Field(min_length=1)] | None = None
    """What stands between the labels of a multi-label row where they are one text, such as `;`.
    Left out, the column holds a list, or a JSON list as text."""
    labels: list[Label] | None = Field(default=None, min_length=2)
    """The label names in the order of their ids; left out, those of the training data, sorted."""
    max_length: int = Field(default=512, ge=2)
    """Tokens a text (or a pair) may have; the rest is cut off, and the share of cut texts is
    reported. Left out, fewer where the model has fewer positions."""
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    """What training makes small: the cross-entropy, or the focal loss, in which what is already
    right counts little (arXiv:1708.02002). A regression always takes the squared error."""
    focal_gamma: float = Field(default=FOCAL_GAMMA, ge=0.0)
    """How little that is, in the focal loss: a true label of probability p counts (1 - p)^gamma."""
    class_weights: Literal["none", "balanced", "balanced_sqrt"] | dict[Label, Weight] = "none"
    """How much each label counts in training: alike, `balanced` (the rarer the more, so that all
    labels count the same; on average 1 a row), `balanced_sqrt` (half the way there: the roots of
    those weights), or a weight by label (1 for those not named). Metrics, and `loss` among them,
    are unweighted."""
    threshold: float = Field(default=0.5, gt=0.0, lt=1.0)
    """The probability from which on a multi-label model gives a label."""

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The column of the text, or the two of a pair."""
        pair = self.text_pair_column
        return (self.text_column,) if pair is None else (self.text_column, pair)

    @property
    def strata(self) -> str | None:
        """The label column, where its values are classes."""
        return self.label_column if self.problem == "single_label_classification" else None

    @property
    def own_names(self) -> tuple[str, ...]:
        """By the problem."""
        return OWN_OF_NUMBERS if self.problem == "regression" else OWN_OF_LABELS

    @field_validator("problem", mode="before")
    @classmethod
    def _short_names(cls, value: Any) -> Any:
        return f"{value}_classification" if value in ("single_label", "multi_label") else value

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: list[str] | None) -> list[str] | None:
        if labels and (twice := [name for name in labels if labels.count(name) > 1]):
            raise ValueError(f"task.labels: `{twice[0]}` is named more than once")
        return labels

    @model_validator(mode="after")
    def _two_texts(self) -> "ClassificationOptions":
        if self.text_pair_column == self.text_column:
            raise ValueError(
                f"task.text_pair_column: `{self.text_column}` is text_column already; name the "
                "column of the second text"
            )
        return self

    @model_validator(mode="after")
    def _weights_of_labels(self) -> "ClassificationOptions":
        if isinstance(self.class_weights, dict):
            if not any(self.class_weights.values()):
                raise ValueError("task.class_weights: at least one weight must be above 0")
            labels = self.labels or list(self.class_weights)
            for name in self.class_weights:
                if name not in labels:
                    raise ValueError(
                        f"task.class_weights: `{name}` is none of the labels"
                        f"{did_you_mean(name, labels)}"
                    )
        return self

    @model_validator(mode="after")
    def _what_the_problem_takes(self) -> "ClassificationOptions":
        if self.label_separator is not None and self.problem != "multi_label_classification":
            raise ValueError("task.label_separator: only with `problem: multi_label`")
        if self.problem != "regression":
            return self
        for key, nothing in {
            "labels": None,
            "class_weights": "none",
            "loss": "cross_entropy",
        }.items():
            if getattr(self, key) != nothing:
                raise ValueError(f"task.{key}: a regression has no labels; leave it out")
        return self

    def check_train(self, train: Section) -> None:
        """A regression has no targets that could be smoothed."""
        super().check_train(train)
        if self.problem == "regression" and train.model_dump()["label_smoothing_factor"]:
            raise ValueError(
                "train.label_smoothing_factor: a regression has no labels to smooth; leave it out"
            )
