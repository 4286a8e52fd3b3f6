"""The `model` section: which model, and how much of it is trained."""

from typing import Any, Literal

from pydantic import Field, model_validator

from lmkit.recipe.base import Section
from lmkit.recipe.mixture import Name


class LoraSection(Section):
    """Low-rank adapters beside frozen weights (Hu et al. 2021, LoRA, arXiv:2106.09685)."""

    r: int = Field(default=8, ge=1)
    """Rank of the update of each weight matrix."""
    alpha: float = Field(default=16, gt=0.0)
    """The update is scaled by alpha / r (by alpha / sqrt(r) with `use_rslora`)."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Of what goes into the adapters, in training."""
    target_modules: list[str] | None = Field(default=None, min_length=1)
    """The modules that get one, by the end of their name (`query`, `c_attn`); left out, every
    matrix of the base model (Dettmers et al. 2023, QLoRA, section 4, arXiv:2305.14314)."""
    use_rslora: bool = False
    """Scale by the root of the rank (Kalajdzievski 2023, arXiv:2312.03732)."""
    use_dora: bool = False
    """Learn the length of each column apart from its direction (Liu et al. 2024, DoRA)."""
    quantization: Literal["nf4", "fp4"] | None = None
    """Keep the frozen matrices in four bits (QLoRA, as above, section 3); left out, as they are.
    `model/` holds them as ordinary weights again. Needs the extra `qlora`."""


class ModelSection(Section):
    """Which model: one that exists (`source`), or a new one (`architecture` with `config`)."""

    source: Name | None = None
    """A model folder, a run folder or a hub name to start from."""
    architecture: Name | None = None
    """A model type of transformers (`gpt2`, `bert`, `llama`, ...), or `lstm`; built with random
    weights."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Keys of the model's configuration class; with `source` they override what the source has."""
    revision: str | None = None
    """The branch, tag or commit of a hub model."""
    trust_remote_code: bool = False
    """Run the Python code that comes with `model.source`, and with the tokenizer, where they bring
    some: it may do all that you may, so read it first. Each start warns of it, and the manifest has
    its hashes; `eval`, `generate`, `predict` and `export` never run it."""
    attn_implementation: Literal["eager", "sdpa", "flash_attention_2", "flex_attention"] | None = (
        None
    )
    """The attention kernel; left out, plain products (`eager`) for short sequences in bfloat16 on a
    CPU, where they are faster, else as transformers chooses."""
    position_init: Literal["sinusoidal"] | None = None
    """How a new model's learned positions start: as waves, from which small models learn sooner
    who stands beside whom; left out, at random, as transformers does."""
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    """The type of the stored weights; left out, float32 (mixed precision is `train.precision`)."""
    lora: LoraSection | None = None
    """Train low-rank adapters and the head, nothing else; `model/` holds the weights with the
    adapters merged in, `adapter/` the adapters alone. Needs the extra `lora`."""
    freeze: Literal["base", "embeddings"] | int | None = None
    """What stays as it is: all but the head (`base`), the `embeddings`, or these and so many of
    the first layers (a number); left out, nothing."""

    @model_validator(mode="after")
    def _one_origin(self) -> "ModelSection":
        if (self.source is None) == (self.architecture is None):
            raise ValueError("model: give either `source` or `architecture` (with `config`)")
        if self.revision is not None and self.source is None:
            raise ValueError("model.revision: only with `model.source`")
        if self.trust_remote_code and self.source is None:
            raise ValueError("model.trust_remote_code: only with `model.source`")
        if self.position_init is not None and self.architecture is None:
            raise ValueError("model.position_init: only with `model.architecture`")
        if self.freeze is not None and self.lora is not None:
            raise ValueError("model.freeze: `model.lora` freezes the base model itself")
        if isinstance(self.freeze, int) and self.freeze < 1:
            raise ValueError(f"model.freeze: found {self.freeze}; allowed: at least 1 layer")
        return self
