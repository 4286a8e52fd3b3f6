"""Options of `embedding`: one vector for each text, near where texts mean the same."""

from typing import Literal

from pydantic import Field, model_validator

from lmkit.recipe.outside_metrics import MeasuredOptions


class EmbeddingOptions(MeasuredOptions):
    """Learn vectors of texts from pairs with a score, from pairs, or from triples."""

    name: Literal["embedding"]
    """The task."""
    objective: Literal["cosine", "contrastive", "triplet"] | None = None
    """`cosine`: the cosine of two texts becomes their score. `contrastive`: of all positives of a
    step, each anchor finds its own. `triplet`: the same among positives and negatives. Left out,
    what the columns of the first row fit."""
    anchor_column: str = "anchor"
    """The column that holds a question or the first text of a pair."""
    positive_column: str = "positive"
    """The column that holds the text to find for the anchor."""
    negative_column: str = "negative"
    """The column that holds a text that is near the anchor and wrong (`triplet`)."""
    sentence1_column: str = "sentence1"
    """The column that holds the first text of a pair with a score (`cosine`)."""
    sentence2_column: str = "sentence2"
    """The column that holds the second one."""
    score_column: str = "score"
    """The column that holds how much alike they are: a number."""
    score_low: float = 0.0
    """The score of texts that have nothing in common; it becomes the cosine 0."""
    score_high: float | None = None
    """The score of texts that mean the same; it becomes the cosine 1. Left out, the least of 1, 5,
    10 and 100 that no training score exceeds."""
    temperature: float = Field(default=0.05, gt=0.0)
    """Cosines are divided by it before the softmax (`contrastive`, `triplet`)."""
    pooling: Literal["mean", "cls", "last"] | None = None
    """The vector is the mean of the tokens' states, the first token's or the last token's. Left
    out, as the source was trained with, else `mean` for encoders and `last` for decoders."""
    normalize: bool | None = None
    """Whether vectors get the length 1. Left out, as the source does, else true."""
    max_length: int = Field(default=512, ge=2)
    """Tokens a text may have; the rest is cut off, and the share of cut texts is reported. Left
    out, fewer where the model has fewer positions."""

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Those of every objective, for what a row is told by is found out later."""
        pair = (self.anchor_column, self.positive_column, self.negative_column)
        return (*pair, self.sentence1_column, self.sentence2_column)

    @property
    def own_names(self) -> tuple[str, ...]:
        """Always told."""
        return ("pearson", "spearman")

    @model_validator(mode="after")
    def _scale(self) -> "EmbeddingOptions":
        if self.score_high is not None and self.score_high <= self.score_low:
            raise ValueError("task.score_high: must be above task.score_low")
        return self

    @model_validator(mode="after")
    def _scores_to_measure(self) -> "EmbeddingOptions":
        if self.metrics and self.objective not in (None, "cosine"):
            raise ValueError(
                f"task.metrics: objective {self.objective} has no score that they could be held "
                "against; leave it out"
            )
        return self
