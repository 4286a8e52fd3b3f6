"""The plan of a run; that it writes nothing and tells the truth: tests/test_dry_run.py."""

from pathlib import Path

import pytest

from lmkit.commands import plan as planning
from lmkit.commands.plan import plan
from lmkit.errors import UsageError
from lmkit.recipe.load import load_recipe


def planned(small_recipe: Path, *sets: str) -> planning.Plan:
    return plan(load_recipe(str(small_recipe), sets))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_steps_and_epochs(small_recipe: Path) -> None:
    by_steps = planned(small_recipe)
    assert by_steps.steps == 8
    per_epoch = -(-by_steps.data["examples"] // 8)
    assert by_steps.epochs == pytest.approx(8 / per_epoch)
    by_epochs = planned(small_recipe, "train.max_steps=-1", "train.num_train_epochs=2.5")
    assert by_epochs.steps == -(-5 * per_epoch // 2)


def test_the_optimizer_decides_the_memory(small_recipe: Path) -> None:
    adam, sgd = planned(small_recipe), planned(small_recipe, "train.optim=sgd")
    assert adam.cost.optimizer_bytes > sgd.cost.optimizer_bytes
    assert adam.cost.parameters == sgd.cost.parameters
    muon = planned(small_recipe, "train.optim=muon")
    assert sgd.cost.optimizer_bytes < muon.cost.optimizer_bytes < adam.cost.optimizer_bytes


def test_accumulation_takes_time_not_memory(small_recipe: Path) -> None:
    whole = planned(small_recipe, "train.total_batch_size=32", "train.max_steps=4")
    parts = planned(
        small_recipe, "train.total_batch_size=32", "train.max_steps=4",
        "train.per_device_train_batch_size=4",
    )  # fmt: skip
    assert parts.cost.total_tokens == whole.cost.total_tokens
    assert parts.cost.activation_bytes < whole.cost.activation_bytes
    assert parts.seconds_per_step > 0


def test_processes_share_the_batch_and_what_they_hold(small_recipe: Path) -> None:
    one = planned(small_recipe)
    recipe = load_recipe(str(small_recipe), ())
    two = plan(recipe, processes=2)
    assert (one.processes, two.processes) == (1, 2)
    assert (two.steps, two.total_batch_size) == (one.steps, one.total_batch_size)
    assert two.cost.activation_bytes == one.cost.activation_bytes / 2
    assert two.cost.weight_bytes == one.cost.weight_bytes
    assert ", in 2 processes" in two.show()
    sharded = load_recipe(str(small_recipe), ("train.parallel=fsdp",))
    four = plan(sharded, processes=2, nodes=2).cost
    for name in ("weight_bytes", "gradient_bytes", "optimizer_bytes"):
        assert getattr(four, name) == -(-getattr(one.cost, name) // 4)
    assert four.parameters == one.cost.parameters


def test_what_processes_cannot_do_is_told(small_recipe: Path) -> None:
    sharded = load_recipe(str(small_recipe), ("train.parallel=fsdp",))
    with pytest.raises(UsageError, match="one process has nobody to share the model with"):
        plan(sharded)
    uneven = load_recipe(str(small_recipe), ("train.total_batch_size=7",))
    with pytest.raises(UsageError, match="7 sequences do not divide among 2 processes"):
        plan(uneven, processes=2)


def test_the_times_are_readable() -> None:
    assert planning._minutes(89) == "89 s"
    assert planning._minutes(600) == "10 min"
    assert planning._minutes(7200) == "2.0 h"
