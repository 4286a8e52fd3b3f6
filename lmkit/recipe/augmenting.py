"""`data.augment`: training texts that change from epoch to epoch, while their labels stay."""

from pydantic import Field, model_validator

from lmkit.recipe.base import Section

KEPT_WORDS = ("no", "not", "never", "none", "nothing", "nobody", "without", "cannot")
"""What turns a meaning around where it is dropped or replaced."""


class ProposalSection(Section):
    """Replacements that a masked language model of the user's proposes."""

    source: str = Field(min_length=1)
    """A model folder, a run folder or a hub name."""
    share: float = Field(default=0.15, gt=0.0, le=0.5)
    """Of the words of a text that may be replaced, at most."""
    top_k: int = Field(default=5, ge=1)
    """How many of the likeliest words are drawn from."""


class AugmentSection(Section):
    """Changes of training texts, drawn by seed, epoch and row (Wei and Zou 2019, EDA)."""

    share: float = Field(default=0.5, gt=0.0, le=1.0)
    """Of the texts that are changed in an epoch; the others are read as they are."""
    word_dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Probability with which each word is left out; one always stays."""
    word_swap: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Probability with which each word changes places with the next."""
    typos: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Probability of one slip of the keyboard (QWERTY) in each word of four letters or more."""
    case: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Probability with which each word is written in small letters, in capitals, or begins so."""
    masked_model: ProposalSection | None = None
    """Words that a masked model finds likely in the place of others; it is asked once, before the
    training."""
    keep: list[str] = Field(default_factory=lambda: list(KEPT_WORDS))
    """Words that stay as and where they are, whatever their case: negations unless others are
    named; name those that carry a label."""

    @model_validator(mode="after")
    def _something_to_do(self) -> "AugmentSection":
        asked = (self.word_dropout, self.word_swap, self.typos, self.case)
        if not any(asked) and self.masked_model is None:
            raise ValueError(
                "data.augment: changes nothing; give word_dropout, word_swap, typos, case or "
                "masked_model"
            )
        return self
