"""Schedule arguments are held against the schedules that transformers has."""

import pytest
from transformers import SchedulerType

from lmkit.errors import UsageError
from lmkit.recipe.train import TrainSection
from lmkit.training.schedules import arguments, check_schedule


def check(name: str, given: dict | None = None, **more: object) -> None:
    train = TrainSection.model_validate(
        {"lr_scheduler_type": name, "lr_scheduler_kwargs": given, "learning_rate": 0.01, **more}
    )
    check_schedule(train, 100)


@pytest.mark.parametrize("name", [member.value for member in SchedulerType])
def test_every_schedule_of_transformers_is_known(name: str) -> None:
    given = {
        "cosine_with_min_lr": {"min_lr_rate": 0.1},
        "cosine_warmup_with_min_lr": {"min_lr": 0.001},
        "warmup_stable_decay": {"num_decay_steps": 10},
    }.get(name)
    check(name, given)
    with pytest.raises(UsageError, match=f"{name} has no argument 'nonsense'"):
        check(name, {"nonsense": 1})


def test_what_some_take() -> None:
    assert arguments("linear") == arguments("constant") == []
    assert arguments("polynomial") == ["lr_end", "power"]
    assert arguments("cosine_with_min_lr") == ["min_lr", "min_lr_rate", "num_cycles"]
    assert {"factor", "patience", "threshold"} <= set(arguments("reduce_lr_on_plateau"))
    assert "optimizer" not in arguments("greedy")


@pytest.mark.parametrize(
    ("name", "given", "text"),
    [
        ("cosine_with_min_lr", None, "min_lr_rate should be set"),
        ("cosine_with_min_lr", {"min_lr_rate": "much"}, "refuses"),
        ("polynomial", {"lr_end": 1.0}, "must be smaller than initial lr"),
        ("polynomial", {"powr": 2}, "did you mean `power`"),
        ("cosine", {"num_cycles": "two"}, "refuses"),
        ("reduce_lr_on_plateau", {"factor": 2.0}, "Factor should be < 1.0"),
        ("reduce_lr_on_plateau", {"patiens": 2}, "did you mean `patience`"),
        ("inverse_sqrt", {"timescale": 0}, "refuses"),
    ],
)
def test_values_are_tried(name: str, given: dict | None, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        check(name, given)


@pytest.mark.parametrize("name", ["constant", "reduce_lr_on_plateau", "greedy"])
def test_a_warm_up_that_would_be_ignored(name: str) -> None:
    with pytest.raises(UsageError, match=f"train.warmup_steps: {name} has no warm-up"):
        check(name, warmup_steps=5)


def test_a_warm_up_as_a_share() -> None:
    check("linear", warmup_steps=0.1)
