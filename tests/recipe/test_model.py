"""`model.lora` and `model.freeze`: what is refused, in the words that a user reads."""

import pytest

from lmkit.errors import RecipeError
from lmkit.recipe.parse import parse_recipe

TEXT = "task: {{name: classification}}\nmodel: {{source: x, {}}}\ndata: {{train: a.csv}}\n"


def problems(keys, more=""):
    with pytest.raises(RecipeError) as raised:
        parse_recipe(TEXT.format(keys) + more, "f.yaml")
    return "\n".join(raised.value.problems)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("lora: {rank: 8}", "model.lora.rank: unknown key"),
        ("lora: {r: 0}", "model.lora.r"),
        ("lora: {}, freeze: base", "model.freeze: `model.lora` freezes the base model itself"),
        ("freeze: 0", "model.freeze: found 0; allowed: at least 1 layer"),
        ("freeze: bas", "model.freeze"),
        ("trust_remote_code: 1", "model.trust_remote_code"),
    ],
)
def test_refused(keys, text):
    assert text in problems(keys)


def test_code_is_trusted_only_where_some_may_be():
    own = (
        "task: {name: preference}\nmodel: {source: x, trust_remote_code: true}\ndata: {train: a}\n"
    )
    with pytest.raises(RecipeError, match="reference is opened without code of its own"):
        parse_recipe(own, "f.yaml")
    assert parse_recipe(own.replace("preference", "chat"), "f.yaml").model.trust_remote_code
    new = own.replace("source: x", "architecture: gpt2").replace("preference", "causal_lm")
    with pytest.raises(RecipeError, match=r"model\.trust_remote_code: only with `model\.source`"):
        parse_recipe(new, "f.yaml")


def test_layers_learn_alike_where_the_optimizer_parts_them_itself():
    told = problems("freeze: 2", "train: {optim: muon, layerwise_lr_decay: 0.8}\n")
    assert "train.layerwise_lr_decay: `optim: muon` parts the parameters by itself" in told


def test_defaults():
    recipe = parse_recipe(TEXT.format("lora: {}"), "f.yaml")
    assert recipe.model.lora is not None
    assert (recipe.model.lora.r, recipe.model.lora.alpha) == (8, 16)
