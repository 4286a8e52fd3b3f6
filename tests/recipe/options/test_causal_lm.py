"""Options of `causal_lm`."""

from lmkit.recipe.options import OPTIONS
from lmkit.recipe.options.causal_lm import CausalLMOptions


def test_it_is_found_by_its_name() -> None:
    assert OPTIONS["causal_lm"] is CausalLMOptions
    assert CausalLMOptions.verb == "pretrain"


def test_defaults() -> None:
    options = CausalLMOptions(name="causal_lm")
    assert (options.packing, options.stride, options.text_column) == ("joined", None, "text")
