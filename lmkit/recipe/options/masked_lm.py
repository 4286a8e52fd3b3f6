"""Options of `masked_lm`: predict tokens that were hidden, from both sides."""

from typing import ClassVar, Literal

from pydantic import Field

from lmkit.recipe.base import TaskOptions, Verb


class MaskedLMOptions(TaskOptions):
    """Pretraining of a bidirectional encoder (Devlin et al. 2019, BERT, section 3.1)."""

    verb: ClassVar[Verb] = "pretrain"
    shows: ClassVar[bool] = True

    name: Literal["masked_lm"]
    """The task."""
    block_size: int = Field(default=512, ge=8)
    """Tokens a training sequence holds, [CLS] and [SEP] included."""
    packing: Literal["joined", "isolated", "none"] = "joined"
    """`joined`: one stream of documents cut into blocks. `isolated`: several documents in a block
    that do not see one another. `none`: each document by itself, padded."""
    text_column: str = "text"
    """The column that holds the text."""
    mlm_probability: float = Field(default=0.15, gt=0.0, lt=1.0)
    """Share of tokens to predict: 80 % of them become [MASK], 10 % a random token, 10 % stay."""
    whole_word_masking: bool = False
    """Hide all pieces of a word together; the share is then one of words."""

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The column of the text."""
        return (self.text_column,)
