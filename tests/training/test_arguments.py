"""Arguments: nothing is translated, and what lmkit decides is put in."""

import dataclasses

import pytest
from transformers import TrainingArguments

from lmkit.recipe.train import OWN, TrainSection
from lmkit.training.arguments import Cadence, cadence, training_arguments

DECIDED = {"eval_strategy": "no", "save_strategy": "no"}


def section(**keys):
    return TrainSection.model_validate({"precision": "float32", "compile": False, **keys})


def arguments(tmp_path, **keys):
    decided = {"use_cpu": True, "save_steps": 500, "eval_steps": 500, "logging_steps": 10}
    return training_arguments(section(**DECIDED, **keys), tmp_path / "out", **decided)


def test_every_key_but_lmkits_own_is_one_of_transformers():
    theirs = {field.name for field in dataclasses.fields(TrainingArguments)}
    assert set(TrainSection.model_fields) - theirs == set(OWN)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("learning_rate", 3e-4),
        ("lr_scheduler_type", "cosine"),
        ("warmup_steps", 12),
        ("warmup_steps", 0.1),
        ("max_steps", 77),
        ("weight_decay", 0.01),
        ("adam_beta2", 0.95),
        ("max_grad_norm", 0.5),
        ("label_smoothing_factor", 0.1),
        ("seed", 7),
        ("data_seed", 8),
        ("per_device_train_batch_size", 3),
        ("gradient_accumulation_steps", 5),
        ("save_total_limit", 2),
        ("save_total_limit", None),
        ("optim", "adafactor"),
        ("ddp_timeout", 60),
    ],
)
def test_a_value_arrives(tmp_path, key, value):
    assert getattr(arguments(tmp_path, **{key: value}), key) == value


@pytest.mark.parametrize("name", ["adam", "muon"])
def test_an_optimizer_of_lmkits_own_has_a_placeholder(tmp_path, name):
    assert arguments(tmp_path, optim=name).optim == "adamw_torch"


@pytest.mark.parametrize(
    ("precision", "bf16", "fp16"),
    [("float32", False, False), ("bfloat16", True, False), ("float16", False, True)],
)
def test_precision_is_mixed(tmp_path, precision, bf16, fp16):
    made = arguments(tmp_path, precision=precision)
    assert (made.bf16, made.fp16) == (bf16, fp16)


def test_what_lmkit_decides(tmp_path):
    made = arguments(tmp_path)
    assert made.output_dir == str(tmp_path / "out")
    assert made.remove_unused_columns is False
    assert made.disable_tqdm is True
    assert made.logging_nan_inf_filter is False  # a NaN must be seen
    assert made.report_to == []
    assert made.torch_compile is False
    assert made.full_determinism is False
    assert arguments(tmp_path, deterministic=True).full_determinism is True


def test_what_the_caller_decides_goes_first(tmp_path):
    made = training_arguments(
        section(**DECIDED, gradient_accumulation_steps=2), tmp_path,
        use_cpu=True, gradient_accumulation_steps=9, save_steps=1, eval_steps=1, logging_steps=1,
    )  # fmt: skip
    assert made.gradient_accumulation_steps == 9


@pytest.mark.parametrize(
    ("keys", "max_steps", "expected"),
    [
        ({}, 1000, (10, 100, 100)),
        ({}, 5, (1, 1, 1)),
        ({}, 149, (1, 15, 15)),
        ({"logging_steps": 7, "eval_steps": 40, "save_steps": 30}, 1000, (7, 40, 30)),
        ({"logging_steps": 0.5, "eval_steps": 0.25, "save_steps": 0.2}, 40, (20, 10, 8)),
        ({"logging_steps": 0.001}, 40, (1, 4, 4)),
        ({"eval_steps": 40}, 1000, (10, 40, 40)),  # saves fall on evaluations
        ({"save_steps": 40}, 1000, (10, 100, 40)),
        ({"logging_steps": 5000}, 1000, (5000, 100, 100)),
    ],
)
def test_the_cadence_in_steps(keys, max_steps, expected):
    assert cadence(section(**keys), max_steps) == Cadence(*expected)
