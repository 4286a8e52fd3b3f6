"""Options of `masked_lm`."""

from lmkit.recipe.options import OPTIONS
from lmkit.recipe.options.masked_lm import MaskedLMOptions


def test_it_is_found_by_its_name() -> None:
    assert OPTIONS["masked_lm"] is MaskedLMOptions
    assert MaskedLMOptions.verb == "pretrain"


def test_defaults() -> None:
    options = MaskedLMOptions(name="masked_lm")
    assert (options.mlm_probability, options.whole_word_masking) == (0.15, False)
