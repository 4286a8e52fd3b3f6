"""The part of the `model` section that says how much of a pretrained model is trained."""

from pydantic import Field

from lmkit.recipe.base import Section


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
