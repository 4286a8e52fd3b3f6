"""Rules of the machine keys: what would be ignored is refused."""

import pytest
from pydantic import ValidationError

from lmkit.recipe.train_machine import MachineSection


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (
            {"dataloader_prefetch_factor": 2},
            "train.dataloader_prefetch_factor: needs `train.dataloader_num_workers` of at least 1",
        ),
        (
            {"dataloader_persistent_workers": True},
            "train.dataloader_persistent_workers: needs `train.dataloader_num_workers` of at",
        ),
        (
            {"dataloader_multiprocessing_context": "spawn"},
            "train.dataloader_multiprocessing_context: needs `train.dataloader_num_workers`",
        ),
        (
            {"activation_checkpointing_kwargs": {"every_n_layers": 2}},
            "train.activation_checkpointing_kwargs: only with `train.activation_checkpointing: tru",
        ),
        (
            {"liger_kernel_config": {"rope": True}},
            "train.liger_kernel_config: only with `train.use_liger_kernel: true`",
        ),
    ],
)
def test_what_is_refused(keys: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError) as raised:
        MachineSection.model_validate(keys)
    (error,) = raised.value.errors()
    assert str(error["ctx"]["error"]).startswith(text)


def test_what_is_right() -> None:
    MachineSection.model_validate(
        {
            "dataloader_num_workers": 2,
            "dataloader_prefetch_factor": 4,
            "dataloader_persistent_workers": True,
            "activation_checkpointing": True,
            "activation_checkpointing_kwargs": {"every_n_layers": 2},
        }
    )


@pytest.mark.parametrize("value", ["auto", True, False])
def test_compile_is_told_or_left_to_lmkit(value: object) -> None:
    assert MachineSection.model_validate({"compile": value}).compile is value
