"""Options of `classification`: one label for each text."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from lmkit.recipe.base import TaskOptions

Label = Annotated[str, Field(min_length=1)]


class ClassificationOptions(TaskOptions):
    """Give each text one of a fixed set of labels."""

    name: Literal["classification"]
    """The task."""
    text_column: str = "text"
    """The column that holds the text."""
    label_column: str = "label"
    """The column that holds the label: text or a whole number."""
    labels: list[Label] | None = Field(default=None, min_length=2)
    """The label names in the order of their ids; left out, those of the training data, sorted."""
    max_length: int = Field(default=512, ge=2)
    """Tokens a text may have; the rest is cut off, and the share of cut texts is reported. Left
    out, fewer where the model has fewer positions."""

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: list[str] | None) -> list[str] | None:
        if labels and (twice := [name for name in labels if labels.count(name) > 1]):
            raise ValueError(f"task.labels: `{twice[0]}` is named more than once")
        return labels
