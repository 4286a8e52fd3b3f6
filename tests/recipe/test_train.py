"""The `train` section beside `transformers.TrainingArguments`: names, types and defaults."""

import dataclasses
import enum
import types
import typing
from typing import Any

import pytest
from transformers import TrainingArguments

from lmkit.errors import RecipeError
from lmkit.recipe.parse import parse_recipe
from lmkit.recipe.train import OTHER_DEFAULTS, OWN, TrainSection
from lmkit.recipe.train_names import OWNED

THEIRS = {field.name: field for field in dataclasses.fields(TrainingArguments)}
SHARED = [name for name in TrainSection.model_fields if name not in OWN]


def kinds(annotation: Any) -> set[type]:
    """The plain types of an annotation; a literal counts as the types of its values."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return set().union(*map(kinds, typing.get_args(annotation)))
    if origin is typing.Literal:
        return {type(value) for value in typing.get_args(annotation)}
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return {str}
    return {origin or (type(None) if annotation is None else annotation)}


def test_every_name_of_theirs_is_a_key_or_answered() -> None:
    assert set(THEIRS) == set(SHARED) | set(OWNED)
    assert not set(SHARED) & set(OWNED)


def test_own_keys_are_none_of_theirs() -> None:
    assert set(OWN) <= set(TrainSection.model_fields)
    assert not set(OWN) & set(THEIRS)


@pytest.mark.parametrize("name", SHARED)
def test_types_are_theirs(name: str) -> None:
    ours = kinds(TrainSection.model_fields[name].annotation)
    theirs = kinds(typing.get_type_hints(TrainingArguments)[name])
    if name in ("logging_steps", "save_steps", "load_best_model_at_end", "ddp_timeout"):
        theirs.add(type(None))
    if name in ("lr_scheduler_kwargs", "activation_checkpointing_kwargs"):  # not JSON in a string
        theirs.discard(str)
    if name == "report_to":  # they also take null, for none
        theirs.discard(type(None))
    assert ours == theirs


@pytest.mark.parametrize("name", SHARED)
def test_defaults_are_theirs(name: str) -> None:
    default = TrainSection.model_fields[name].default
    theirs = THEIRS[name].default
    theirs = theirs.value if isinstance(theirs, enum.Enum) else theirs
    assert (default == theirs) == (name not in OTHER_DEFAULTS)


def test_the_defaults_that_are_not_theirs() -> None:
    train = TrainSection()
    assert {name: getattr(train, name) for name in OTHER_DEFAULTS} == {
        "logging_steps": None,
        "save_steps": None,
        "eval_strategy": "steps",
        "save_total_limit": 3,
        "load_best_model_at_end": None,
        "ddp_timeout": None,
    }


@pytest.mark.parametrize("schedule", ["reduce_lr_on_plateau", "greedy"])
def test_a_schedule_that_follows_evaluations_needs_some(schedule: str) -> None:
    with pytest.raises(RecipeError) as raised:
        parse_recipe(
            "task: {name: causal_lm}\nmodel: {source: x}\ndata: {dataset: stdlib}\n"
            f"train:\n  lr_scheduler_type: {schedule}\n  eval_strategy: no\n",
            "f.yaml",
        )
    assert raised.value.problems == [
        f"f.yaml:5:22: train.lr_scheduler_type: {schedule} follows the evaluations; "
        "`train.eval_strategy` is no, allowed: steps or epoch"
    ]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("optim: muon", "train.optim: muon needs whole matrices"),
        ("precision: float16", "train.precision: with `train.parallel: fsdp` allowed: auto, bf"),
        ("compile: true", "train.compile: with `train.parallel: fsdp` allowed: auto or false"),
        ("ddp_bucket_cap_mb: 5", "train.ddp_bucket_cap_mb: only with `train.parallel: ddp`"),
    ],
)
def test_what_parts_of_a_model_cannot_do_is_refused(key: str, text: str) -> None:
    with pytest.raises(RecipeError) as raised:
        parse_recipe(
            "task: {name: causal_lm}\nmodel: {source: x}\ndata: {dataset: stdlib}\n"
            f"train:\n  parallel: fsdp\n  {key}\n",
            "f.yaml",
        )
    (problem,) = raised.value.problems
    assert f": {text}" in problem
    kept = TrainSection.model_validate({"parallel": "fsdp", "optim": "adam"})
    assert kept.parallel == "fsdp"


def test_adapters_are_not_shared() -> None:
    with pytest.raises(RecipeError, match=r"nothing with `model.lora`; allowed: ddp"):
        parse_recipe(
            "task: {name: causal_lm}\nmodel: {source: x, lora: {}}\ndata: {dataset: stdlib}\n"
            "train: {parallel: fsdp}\n",
            "f.yaml",
        )
