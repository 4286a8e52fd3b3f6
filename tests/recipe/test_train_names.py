"""The literals of `train`, in step with transformers; and the cures for other names."""

import typing

import pytest
from transformers import SchedulerType
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK
from transformers.training_args import OptimizerNames

from lmkit.recipe.train import TrainSection
from lmkit.recipe.train_names import (
    OWN_OPTIMIZERS,
    OWNED,
    REMOVED,
    OptimizerName,
    Reporter,
    SchedulerName,
)


def test_optimizers() -> None:
    theirs = {name.value for name in OptimizerNames}
    assert set(typing.get_args(OptimizerName)) == theirs | set(OWN_OPTIMIZERS)
    assert not theirs & set(OWN_OPTIMIZERS)


def test_schedules() -> None:
    assert set(typing.get_args(SchedulerName)) == {name.value for name in SchedulerType}


def test_reporters() -> None:
    assert set(typing.get_args(Reporter)) == {*INTEGRATION_TO_CALLBACK, "none", "all"}


@pytest.mark.parametrize(("name", "cure"), [*OWNED.items(), *REMOVED.items()])
def test_a_cure_names_keys_that_are_there(name: str, cure: str) -> None:
    assert name not in TrainSection.model_fields
    for word in cure.split("`")[1::2]:
        key = word.removeprefix("train.").partition(":")[0]
        if "_" in key and key.islower() and key not in ("text_column", "label_column"):
            assert key in {*TrainSection.model_fields, "output_dir"}


def test_no_name_is_answered_twice() -> None:
    assert not OWNED.keys() & REMOVED.keys()
