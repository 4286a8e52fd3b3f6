"""Options of `preference`: learn which of two answers is preferred."""

from typing import ClassVar, Literal

from pydantic import Field

from lmkit.recipe.base import TaskOptions


class PreferenceOptions(TaskOptions):
    """Direct preference optimization of a causal model (Rafailov et al. 2023, arXiv:2305.18290)."""

    shows: ClassVar[bool] = True

    name: Literal["preference"]
    """The task."""
    prompt_column: str = "prompt"
    """The column of what is asked: text, or a list of messages. It may be absent where `chosen` and
    `rejected` are lists of messages that begin alike."""
    chosen_column: str = "chosen"
    """The column of the preferred answer: text, or a list of messages that ends with it."""
    rejected_column: str = "rejected"
    """The column of the other answer."""
    chat_template: str | None = Field(default=None, min_length=1)
    """As in `chat`; `none` puts prompt and answer one behind the other, with the end token at the
    end. Left out, the tokenizer's own template, or `none` where it has none."""
    loss_type: Literal["sigmoid", "ipo", "hinge"] = "sigmoid"
    """`sigmoid`: that of DPO; `ipo`: by mean log-probabilities of tokens (arXiv:2310.12036);
    `hinge`: that of SLiC (arXiv:2305.10425)."""
    beta: float = Field(default=0.1, gt=0.0)
    """How strongly the model is held to the reference; the larger, the more."""
    reference: Literal["model", "none"] = "model"
    """What the model is held to: itself as it was before training, or nothing."""
    reference_source: str | None = None
    """Where the reference is read; left out, `model.source`. In a resolved recipe it is written
    out, for whoever scores the run needs it."""
    reference_revision: str | None = None
    """The branch, tag or commit of a reference on the hub."""
    reference_sha256: str | None = None
    """What the reference holds, so that another model in its place is found out."""
    max_length: int = Field(default=1024, ge=8)
    """Tokens that prompt and answer may have together. Left out, fewer where the model has fewer
    positions."""
    max_prompt_length: int | None = Field(default=None, ge=1)
    """Of a pair that is longer, the prompt loses its beginning down to so many tokens (left out,
    half of `max_length`), and then the answers lose their ends."""

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The prompt and both answers."""
        return (self.prompt_column, self.chosen_column, self.rejected_column)
