"""The configuration of recurrent models, which transformers does not have.

The keys of `model.config` in a recipe with `architecture: lstm` are the fields of this class.
"""

from typing import ClassVar, Literal

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

SHARES = ("embedding_dropout", "hidden_dropout", "output_dropout", "recurrent_dropout")


@strict
class LSTMConfig(PreTrainedConfig):  # type: ignore[no-untyped-call] # not annotated
    """Sizes, dropouts and special tokens of an LSTM or GRU.

    It has no positions: nothing bounds the length of what it reads.
    """

    model_type: ClassVar[str] = "lstm"
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values"]
    attribute_map: ClassVar[dict[str, str]] = {"num_hidden_layers": "num_layers"}

    vocab_size: int = 32000
    """Rows of the embedding table."""
    embedding_size: int = 256
    """Width of a token's vector."""
    hidden_size: int = 512
    """Width of a layer's state, in each direction."""
    num_layers: int = 2
    """Recurrent layers, one above the other."""
    cell: Literal["lstm", "gru"] = "lstm"
    """Long short-term memory (Hochreiter and Schmidhuber 1997), or the gated recurrent unit (Cho et
    al. 2014, arXiv:1406.1078), which has three quarters of its weights."""
    bidirectional: bool = False
    """Whether each layer also reads from right to left; not for language models."""
    pooling: Literal["max", "mean", "last"] = "max"
    """What a text classifier sees of the states: the largest value of each (Conneau et al. 2017,
    section 3.2.1, arXiv:1705.02364), their mean, or where each direction ends."""
    embedding_dropout: float = 0.0
    """Of the token vectors."""
    hidden_dropout: float = 0.0
    """Between the layers."""
    output_dropout: float = 0.0
    """Of the last layer's states, and of what a classifier sees of them."""
    recurrent_dropout: float = 0.0
    """Of the weights from state to state, the same for a whole sequence (Merity et al. 2018,
    AWD-LSTM, section 2, arXiv:1708.02182)."""
    locked_dropout: bool = False
    """Whether the dropouts drop the same places at every token of a sequence (Gal and Ghahramani
    2016, arXiv:1512.05287)."""
    initializer_range: float = 0.1
    """Standard deviation of new token vectors."""
    use_cache: bool = True
    """Whether a language model returns its states, to go on from them."""
    tie_word_embeddings: bool = False
    """Whether the output layer is the embedding table (Press and Wolf 2017, arXiv:1608.05859); a
    projection stands between where the sizes differ."""
    bos_token_id: int | None = None
    """The token that begins a text."""
    eos_token_id: int | list[int] | None = None
    """The token that ends a text."""
    pad_token_id: int | None = None
    """The token that fills a batch up."""

    def validate_sizes(self) -> None:
        """Refuse sizes below 1 and dropouts that are no share; `strict` calls it."""
        for name in ("vocab_size", "embedding_size", "hidden_size", "num_layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, and is {getattr(self, name)}")
        for name in SHARES:
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), and is {getattr(self, name)}")

    @property
    def output_size(self) -> int:
        """Width of what the last layer gives for a token."""
        return self.hidden_size * (2 if self.bidirectional else 1)
