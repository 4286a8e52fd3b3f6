"""What a resume may change, and what is said of it."""

from pathlib import Path

import pytest

from lmkit.commands.resuming import changes, keep_batch
from lmkit.recipe.load import load_recipe
from lmkit.recipe.sections import Recipe

MACHINE = {"world_size": 1, "threads": 2, "processor": "a", "gpus": []}
MANIFEST = {"sessions": [{**MACHINE, "world_size": 4}, MACHINE]}


@pytest.fixture
def recipe(small_recipe: Path) -> Recipe:
    return load_recipe(str(small_recipe))


def trained(recipe: Recipe, **values: object) -> Recipe:
    return recipe.model_copy(update={"train": recipe.train.model_copy(update=values)})


def test_nothing_is_said_of_what_is_as_it_was(recipe: Recipe) -> None:
    assert changes(recipe, trained(recipe, save_steps=3), MANIFEST, MACHINE) == []


def test_what_moves_the_last_bits_is_named(recipe: Recipe) -> None:
    now = trained(recipe, per_device_train_batch_size=4)
    (line,) = changes(recipe, now, MANIFEST, {**MACHINE, "world_size": 2, "threads": 1})
    assert line == (
        "train.per_device_train_batch_size: was 8, is 4; processes: was 1, is 2; threads: was 2, "
        "is 1: each step takes the same examples, but this is not bit for bit the run that was "
        "not interrupted"
    )


def test_another_length_is_another_schedule(recipe: Recipe) -> None:
    (line,) = changes(recipe, trained(recipe, max_steps=12), MANIFEST, MACHINE)
    assert line == (
        "train.max_steps: was 8, is 12: the schedule of the learning rate is computed anew for 12 "
        "steps"
    )


@pytest.mark.parametrize(
    ("micro", "accumulation", "kept"),
    [(8, 1, 8), (2, 1, 8), (2, 4, 8), (3, 1, None), (8, 2, None), (1, 1, None)],
)
def test_the_batch_is_kept_where_only_the_processes_are_others(
    recipe: Recipe, micro: int, accumulation: int, kept: int | None
) -> None:
    """Of a run of 8 sequences a step that had 4 processes and then 1."""
    asked = trained(
        recipe, total_batch_size=None, per_device_train_batch_size=micro,
        gradient_accumulation_steps=accumulation,
    )  # fmt: skip
    assert keep_batch(asked, recipe, MANIFEST).train.total_batch_size == kept


def test_a_batch_that_is_said_is_not_kept(recipe: Recipe) -> None:
    asked = trained(recipe, total_batch_size=16)
    assert keep_batch(asked, recipe, MANIFEST) == asked
