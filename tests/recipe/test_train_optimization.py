"""Rules of the optimization keys."""

import pytest
from pydantic import ValidationError

from lmkit.recipe.train_optimization import OptimizationSection, whole_or_share


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"max_steps": 0}, "train.max_steps: found 0; allowed: -1 (not set), or at least 1"),
        (
            {"warmup_steps": 2.5},
            "train.warmup_steps: found 2.5; allowed: a whole number of steps, or a share of the "
            "run below 1",
        ),
        ({"optim_args": "a=1,,b=2"}, "train.optim_args: found ''; allowed: key=value pairs with"),
        ({"optim_args": "a=1=2"}, "train.optim_args: found 'a=1=2'; allowed: key=value pairs"),
        ({"optim_args": "a="}, "train.optim_args: found 'a='; allowed: key=value pairs"),
        ({"optim_args": ""}, "train.optim_args: found ''; allowed: key=value pairs"),
        ({"optim_args": "a=1, a=2"}, "train.optim_args: `a` is given twice"),
        (
            {"total_batch_size": 8, "gradient_accumulation_steps": 2},
            "train.gradient_accumulation_steps: leave it out, for it follows from "
            "`train.total_batch_size`",
        ),
        (
            {"optim": "galore_adamw"},
            "train.optim_target_modules: `optim: galore_adamw` needs it; `all-linear` is every",
        ),
        (
            {"optim_target_modules": "all-linear"},
            "train.optim_target_modules: only with a GaLore or APOLLO optimizer in `train.optim`; "
            "found adamw_torch_fused",
        ),
    ],
)
def test_what_is_refused(keys: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError) as raised:
        OptimizationSection.model_validate(keys)
    (error,) = raised.value.errors()
    assert str(error["ctx"]["error"]).startswith(text)


@pytest.mark.parametrize(
    "keys",
    [
        {"max_steps": -1},
        {"max_steps": 1},
        {"warmup_steps": 0.1},
        {"warmup_steps": 100},
        {"optim": "sgd", "optim_args": "momentum=0.9, nesterov=true"},
        {"total_batch_size": 8},
        # as a resolved recipe has it, every default written out
        {"total_batch_size": 8, "gradient_accumulation_steps": 1},
        {"gradient_accumulation_steps": 4},
        {"optim": "apollo_adamw", "optim_target_modules": ["attn", "mlp"]},
    ],
)
def test_what_is_right(keys: dict[str, object]) -> None:
    OptimizationSection.model_validate(keys)


def test_steps_are_whole_or_a_share() -> None:
    assert [whole_or_share("x", value) for value in (0, 0.5, 1, 1.0, 3)] == [0, 0.5, 1, 1.0, 3]
    with pytest.raises(ValueError, match=r"^train.x: found 1.5"):
        whole_or_share("x", 1.5)
