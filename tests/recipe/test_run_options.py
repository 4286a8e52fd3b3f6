"""Which command takes which task."""

import pytest

from lmkit.errors import UsageError
from lmkit.recipe.options import OPTIONS
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.recipe.run_options import RunOptions


def test_pretrain_is_for_raw_text() -> None:
    RunOptions(verb="pretrain").check_task(CausalLMOptions(name="causal_lm"))
    with pytest.raises(UsageError) as refused:
        RunOptions(verb="pretrain").check_task(ClassificationOptions(name="classification"))
    assert str(refused.value) == (
        "lmkit pretrain: task.name is classification, and pretrain is for causal_lm and masked_lm; "
        "the command for classification is lmkit finetune"
    )


@pytest.mark.parametrize("name", OPTIONS)
def test_finetune_is_for_every_task(name: str) -> None:
    RunOptions(verb="finetune").check_task(OPTIONS[name](name=name))
