"""Options of `ner`: named entities, the spans of a text that have a type."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from lmkit.recipe.outside_metrics import MeasuredOptions

EntityType = Annotated[str, Field(min_length=1)]


class NerOptions(MeasuredOptions):
    """Find the spans of a text that name something, and say of what type each is.

    A row holds `tokens` and their `tags` (CoNLL files are read so), or a `text` and its `spans`:
    objects {"start", "end", "label"}, offsets in characters, the end not included.
    """

    has_offsets: ClassVar[bool] = True

    name: Literal["ner"]
    """The task."""
    tokens_column: str = "tokens"
    """The column that holds the words of a sentence, in rows that have tags."""
    tags_column: str = "tags"
    """The column of the words' tags: O, B-TYPE, I-TYPE, ..."""
    text_column: str = "text"
    """The column that holds the text, in rows that have spans; what `predict` reads."""
    spans_column: str = "spans"
    """The column of the text's spans."""
    labels: list[EntityType] | None = Field(default=None, min_length=1)
    """The entity types; left out, those of the training data, sorted."""
    scheme: Literal["auto", "iob1", "iob2", "bioes"] = "auto"
    """How tags write spans; `auto` finds it out from the training data. Whatever it is, the model
    learns IOB2. `iob1` also reads broken IOB2: an I- that follows no span of its type begins one.
    `bioes` is BILOU too."""
    max_length: int = Field(default=512, ge=8)
    """Tokens read at once; a longer text is read through windows, each word predicted where it has
    the most context. Left out, fewer where the model has fewer positions."""
    stride: int | None = Field(default=None, ge=1)
    """Tokens the window moves on a longer text; left out, half of what it holds."""

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The column of the text, in rows that have one."""
        return (self.text_column,)

    @property
    def own_names(self) -> tuple[str, ...]:
        """Always told."""
        return ("precision", "recall", "f1", "accuracy")

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: list[str] | None) -> list[str] | None:
        if labels and (twice := [name for name in labels if labels.count(name) > 1]):
            raise ValueError(f"task.labels: `{twice[0]}` is named more than once")
        return labels

    @model_validator(mode="after")
    def _nothing_unread(self) -> "NerOptions":
        if self.stride is not None and self.stride > self.max_length:
            raise ValueError(
                f"task.stride: {self.stride} is more than task.max_length, {self.max_length}, so "
                "words would be left unread"
            )
        return self
