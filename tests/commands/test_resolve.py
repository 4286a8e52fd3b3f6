"""Filling in a recipe, and comparing it with that of the run that is resumed."""

from pathlib import Path
from typing import Any

import pytest

from lmkit import tasks
from lmkit.commands.resolve import (
    Facts,
    batch_shape,
    differences,
    require_known_metric,
    require_same,
    resolve,
)
from lmkit.errors import RunFolderError, UsageError
from lmkit.recipe.parse import dump_recipe, parse_recipe
from lmkit.recipe.sections import Recipe
from lmkit.training.attention import AttentionChoice
from lmkit.training.hardware import CompileChoice, PrecisionChoice

TEXT = """
task: {name: causal_lm, block_size: 32}
model: {architecture: gpt2, config: {n_layer: 1}}
tokenizer: {train: {type: byte}}
data: {train: [a.txt, 'more/*.txt'], validation: b.txt}
"""


def recipe(**train: Any) -> Recipe:
    found = parse_recipe(TEXT, "r.yaml")
    return found.model_copy(update={"train": type(found.train).model_validate(train)})


def resolved(
    given: Recipe, examples: int = 100, world_size: int = 1, attention: str | None = None
) -> Recipe:
    facts = Facts(
        options=given.task, examples=examples, world_size=world_size,
        precision=PrecisionChoice("float32", ""), compile=CompileChoice(False, ""),
        attention=AttentionChoice(attention, ""),
        output_dir=Path("/runs/x"),
    )  # fmt: skip
    return resolve(given, tasks.build(given.task), facts)


@pytest.mark.parametrize(
    ("train", "examples", "world_size", "shape"),
    [
        ({}, 100, 1, (8, 8, 1)),
        ({"total_batch_size": 32}, 100, 1, (32, 8, 4)),
        ({"total_batch_size": 32}, 100, 2, (32, 8, 2)),
        ({"total_batch_size": 6}, 100, 2, (6, 3, 1)),
        ({"total_batch_size": 6, "per_device_train_batch_size": 4}, 100, 1, (6, 4, 2)),
        ({"per_device_train_batch_size": 4, "gradient_accumulation_steps": 3}, 100, 2, (24, 4, 3)),
        ({"per_device_train_batch_size": 4000}, 5, 1, (4000, 5, 800)),
        ({"total_batch_size": 4000, "per_device_train_batch_size": 9}, 5, 2, (4000, 3, 667)),
    ],
)
def test_batches(train: dict, examples: int, world_size: int, shape: tuple[int, int, int]) -> None:
    found = batch_shape(recipe(**train), examples, world_size)
    assert (found.total, found.micro, found.accumulation) == shape


def test_a_mixture_is_written_out_and_compared_with_its_weights() -> None:
    data = "data: {train: [{path: a.txt, weight: 1}, {dataset: stdlib, weight: 2}]}"
    mixed = parse_recipe(TEXT.partition("data:")[0] + data, "r.yaml")
    found = resolved(mixed)
    assert [part.path for part in found.data.mixture] == [str(Path("a.txt").absolute()), None]
    other = parse_recipe(TEXT.partition("data:")[0] + data, "r.yaml", ["data.train.1.weight=3"])
    assert list(differences(found, resolved(other))) == ["data.train"]


def test_a_batch_that_cannot_be_dealt_out() -> None:
    with pytest.raises(UsageError, match="total_batch_size: 7 sequences do not divide among 2"):
        batch_shape(recipe(total_batch_size=7), 100, 2)


def test_everything_is_written_out() -> None:
    found = resolved(recipe(num_train_epochs=2.0))
    train = found.train
    assert (train.max_steps, train.total_batch_size) == (26, 8)
    assert (train.eval_steps, train.save_steps, train.logging_steps) == (3, 3, 1)
    assert (train.precision, train.compile) == ("float32", False)
    assert (train.metric_for_best_model, train.greater_is_better) == ("loss", False)
    assert train.load_best_model_at_end is False
    assert found.output_dir == "/runs/x"
    here = Path.cwd()
    assert found.data.train == [f"{here}/a.txt", f"{here}/more/*.txt"]
    assert found.data.validation == f"{here}/b.txt"
    assert parse_recipe(dump_recipe(found), "r.yaml") == found
    assert resolved(found) == found


def test_a_hub_name_stays_a_name() -> None:
    given = parse_recipe(TEXT.replace("train: [a.txt, 'more/*.txt']", "train: a"), "r.yaml")
    data = given.data.model_copy(update={"dataset": "org/name"})
    found = resolved(given.model_copy(update={"data": data}))
    assert (found.data.train, found.data.validation) == ("a", "b.txt")


@pytest.mark.parametrize(
    ("metric", "greater"),
    [("loss", False), ("eval_loss", False), ("perplexity", False), ("bits_per_byte", False),
     ("accuracy", True), ("macro_f1", True)],
)  # fmt: skip
def test_which_way_a_metric_is_better(metric: str, greater: bool) -> None:
    train = resolved(recipe(metric_for_best_model=metric)).train
    assert train.greater_is_better is greater
    assert train.metric_for_best_model == metric.removeprefix("eval_")
    other = resolved(recipe(metric_for_best_model=metric, greater_is_better=not greater)).train
    assert other.greater_is_better is not greater


def test_the_best_must_have_been_saved() -> None:
    with pytest.raises(UsageError, match=r"saves \(5 steps\) must fall on evaluations \(2 steps\)"):
        resolved(recipe(max_steps=20, load_best_model_at_end=True, save_steps=0.25))


def test_differences() -> None:
    one = resolved(recipe())
    assert differences(one, one) == {}
    assert differences(one, resolved(recipe(eval_steps=7, save_total_limit=9))) == {}
    assert differences(one, resolved(recipe(seed=7, learning_rate=0.1))) == {
        "train.seed": (42, 7),
        "train.learning_rate": (5e-5, 0.1),
    }


def test_a_changed_recipe_is_refused_key_by_key() -> None:
    one, other = resolved(recipe()), resolved(recipe(seed=7, learning_rate=0.1))
    with pytest.raises(RunFolderError, match=r"train\.seed: was 42, is 7") as refused:
        require_same(one, other, (), {})
    assert "--allow-changed train.seed --allow-changed train.learning_rate" in str(refused.value)
    require_same(one, other, ("train.seed", "train.learning_rate"), {})
    require_same(one, other, ("train",), {})
    with pytest.raises(UsageError, match=r"did you mean `train\.seed`"):
        require_same(one, other, ("train.sed",), {})


def test_changed_contents_are_refused() -> None:
    one = resolved(recipe())
    require_same(one, one, (), {"data.train.content": ("ab", "ab"), "new": (None, "cd")})
    changed: dict[str, tuple[str | None, str]] = {"data.train.content": ("ab", "cd")}
    with pytest.raises(RunFolderError, match=r"data\.train\.content: was 'ab', is 'cd'"):
        require_same(one, one, (), changed)
    require_same(one, one, ("data",), changed)


def test_an_unknown_metric() -> None:
    require_known_metric("loss", {"loss": 1.0})
    with pytest.raises(UsageError, match=r"no metric 'los'; did you mean `loss`\? \(it has loss\)"):
        require_known_metric("los", {"loss": 1.0})


def test_the_kernel_that_was_chosen_is_written_down() -> None:
    assert resolved(recipe()).model.attn_implementation is None
    assert resolved(recipe(), attention="eager").model.attn_implementation == "eager"
