"""Options of `seq2seq`: write a target text for each source text."""

from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from lmkit.recipe.outside_metrics import MeasuredOptions, Metric

OWN = ("rouge", "bleu", "chrf")


class Seq2SeqOptions(MeasuredOptions):
    """Translation, summarization and whatever else answers a text with a text."""

    shows: ClassVar[bool] = True
    chooses_own: ClassVar[bool] = True

    name: Literal["seq2seq"]
    """The task."""
    source_column: str = "source"
    """The column of the text that is read."""
    target_column: str = "target"
    """The column of the text that is to be written; a list of texts that are equally right where
    there are several: the first is trained on, and generated texts are held against all."""
    source_prefix: str = ""
    """Put before every source text, as T5 was trained with (`"summarize: "`)."""
    max_source_length: int = Field(default=512, ge=2)
    """Tokens a source may have; the rest is cut off, and the share of cut texts is reported. Left
    out, fewer where the model has fewer positions."""
    max_target_length: int = Field(default=128, ge=2)
    """Tokens a target is learned and scored with, the end token included; the rest is cut off.
    Generated texts are held against the whole target."""
    metrics: list[Metric] = Field(default=[*OWN], min_length=1)
    """What generated texts are measured by: `rouge` (summaries: rouge1, rouge2, rougeL), `bleu`
    and `chrf` (translations), one of them at least; and, with `trust_metric_code`, metrics of the
    evaluate library: a folder (`metrics/gap`, which holds `gap.py`), a name on the hub, or a
    mapping that has arguments too: `{name: metrics/rouge, arguments: {rouge_types: [rouge1]}}`."""
    max_new_tokens: int | None = Field(default=None, ge=1)
    """Tokens a generated text may have; left out, `max_target_length`."""
    num_beams: int | None = Field(default=None, ge=1)
    """Beams of the search by which texts are generated; 1 takes the likeliest token each time.
    Left out, what the model's own generation config says, else 1."""
    no_repeat_ngram_size: int | None = Field(default=None, ge=0)
    """No so many tokens in a row come twice in a generated text; 0 is off. Left out, as the
    model's own generation config says, else off."""
    length_penalty: float | None = None
    """Above 0 favors long texts in a beam search, below 0 short ones. Left out, as the model's own
    generation config says, else 1."""
    generate_on_validation: bool = False
    """Generate texts at every evaluation during training too, which costs many times what the
    `loss` does. The evaluation at the end always does, and so do all where
    `train.metric_for_best_model` asks for a metric of generated text."""

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Both sides of a pair."""
        return (self.source_column, self.target_column)

    @property
    def own_names(self) -> tuple[str, ...]:
        """Three families."""
        return OWN

    @model_validator(mode="after")
    def _some_of_its_own(self) -> "Seq2SeqOptions":
        if not self.own_metrics:
            raise ValueError(f"task.metrics: name one of {', '.join(OWN)} at least")
        return self

    @field_validator("target_column")
    @classmethod
    def _another(cls, target: str, info: ValidationInfo) -> str:
        if target == info.data.get("source_column"):
            raise ValueError(f"task.target_column: `{target}` is the source column too")
        return target
