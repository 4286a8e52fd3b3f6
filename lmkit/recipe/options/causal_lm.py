"""Options of `causal_lm`: predict each token from those before it."""

from typing import ClassVar, Literal

from pydantic import Field

from lmkit.recipe.base import TaskOptions, Verb


class CausalLMOptions(TaskOptions):
    """Pretraining (or continued training) of a left-to-right language model."""

    verb: ClassVar[Verb] = "pretrain"
    shows: ClassVar[bool] = True

    name: Literal["causal_lm"]
    """The task."""
    block_size: int = Field(default=1024, ge=2)
    """Tokens a training sequence holds; at most the positions of the model."""
    packing: Literal["joined", "isolated", "none"] = "joined"
    """`joined`: one stream of documents cut into blocks. `isolated`: several documents in a block
    that do not see one another. `none`: each document by itself, padded."""
    text_column: str = "text"
    """The column that holds the text."""
    stride: int | None = Field(default=None, ge=1)
    """Tokens the evaluation window moves on a long document; left out, half of `block_size`."""

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The column of the text."""
        return (self.text_column,)
