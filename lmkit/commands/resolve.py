"""Fill in what only data, tokenizer, model and machine can tell: once, before the trainer is built.

The result is the run folder's recipe.yaml; nothing downstream decides again.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmkit.errors import RunFolderError, UsageError
from lmkit.recipe.base import TaskOptions
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.sections import DataSection, Recipe
from lmkit.tasks.base import Task
from lmkit.training.arguments import cadence
from lmkit.training.attention import AttentionChoice
from lmkit.training.batches import BatchShape
from lmkit.training.hardware import CompileChoice, PrecisionChoice

# Of the contract's metrics; every other one is better when greater.
LOWER_IS_BETTER = ("loss", "perplexity", "bits_per_byte", "mse")

SAMPLES = 3
"""Texts written at each evaluation where the recipe does not say how many."""

# What a resume may not change without being told to; the rest (cadence, workers, ...) may differ.
FIXED = ("task", "model", "tokenizer", "data")
FIXED_TRAIN = (
    "total_batch_size", "seed", "data_seed", "optim", "optim_args", "optim_target_modules",
    "learning_rate", "layerwise_lr_decay", "neftune_noise_alpha",
    "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon", "lr_scheduler_type",
    "lr_scheduler_kwargs", "warmup_steps", "max_grad_norm", "label_smoothing_factor",
    "train_sampling_strategy", "precision", "compile", "metric_for_best_model",
    "greater_is_better",
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What is known once data, tokenizer and model are there."""

    options: TaskOptions
    """The task's options with the labels found."""
    examples: int
    """Training examples of an epoch."""
    world_size: int
    precision: PrecisionChoice
    compile: CompileChoice
    attention: AttentionChoice
    output_dir: Path


def batch_shape(recipe: Recipe, examples: int, world_size: int = 1, rank: int = 0) -> BatchShape:
    """How the sequences of an optimizer step are dealt out over processes and accumulation.

    A micro-batch is no larger than what the data can fill: the rest would be padding.

    Raises:
        UsageError: `total_batch_size` does not divide among the processes.
    """
    train = recipe.train
    micro = train.per_device_train_batch_size
    total = train.total_batch_size
    if total is None:
        total = micro * world_size * train.gradient_accumulation_steps
    if total % world_size:
        raise UsageError(
            f"train.total_batch_size: {total} sequences do not divide among {world_size} processes"
        )
    most = max(1, math.ceil(min(total, examples) / world_size))
    return BatchShape(total, min(micro, most), world_size, rank)


def with_micro_batch(recipe: Recipe, micro: int) -> Recipe:
    """The recipe with another micro-batch, and the same batch."""
    train = recipe.train.model_copy(update={"per_device_train_batch_size": micro})
    return recipe.model_copy(update={"train": train})


def resolve(recipe: Recipe, task: Task[Any], facts: Facts) -> Recipe:
    """The recipe with every default, found label and decision written out.

    Raises:
        UsageError: the batch cannot be dealt out, or the metric does not fit the task.
    """
    train = recipe.train
    shape = batch_shape(recipe, facts.examples, facts.world_size)
    steps_per_epoch = math.ceil(facts.examples / shape.total)
    max_steps = train.max_steps
    if max_steps < 0:
        max_steps = max(1, math.ceil(train.num_train_epochs * steps_per_epoch))
    rhythm = cadence(train, max_steps)
    best = train.load_best_model_at_end
    if best is None:
        best = facts.options.verb == "finetune" and "no" not in (
            train.eval_strategy,
            train.save_strategy,
        )
    if best and train.save_strategy == "steps" and rhythm.save_steps % rhythm.eval_steps:
        raise UsageError(
            f"train.save_steps: the best checkpoint is kept, so saves ({rhythm.save_steps} steps) "
            f"must fall on evaluations ({rhythm.eval_steps} steps)"
        )
    metric = (train.metric_for_best_model or task.best_metric).removeprefix("eval_")
    greater = train.greater_is_better
    if greater is None:
        known = metric == task.best_metric
        greater = task.greater_is_better if known else metric not in LOWER_IS_BETTER
    samples = train.eval_samples
    if samples is None:
        samples = SAMPLES if facts.options.shows and train.eval_strategy != "no" else 0
    written = {
        "max_steps": max_steps,
        "total_batch_size": shape.total,
        "per_device_train_batch_size": shape.micro,
        "gradient_accumulation_steps": 1,
        "logging_steps": rhythm.logging_steps,
        "eval_steps": rhythm.eval_steps,
        "eval_samples": samples,
        "save_steps": rhythm.save_steps,
        "load_best_model_at_end": best,
        "metric_for_best_model": metric,
        "greater_is_better": greater,
        "precision": facts.precision.value,
        "compile": facts.compile.value,
    }
    return recipe.model_copy(
        update={
            "task": facts.options,
            "data": absolute(recipe.data),
            "model": recipe.model.model_copy(
                update={
                    "source": _absolute(recipe.model.source),
                    "attn_implementation": facts.attention.value,
                }
            ),
            "tokenizer": recipe.tokenizer.model_copy(
                update={"source": _absolute(recipe.tokenizer.source)}
            ),
            "train": train.model_copy(update=written),
            "output_dir": str(facts.output_dir),
        }
    )


def absolute(data: DataSection) -> DataSection:
    """The data section with absolute paths (names of hub splits are left as they are)."""
    return data.with_paths(os.path.abspath)  # keeps globs and links as typed


def _absolute(source: str | None) -> str | None:
    return str(Path(source).absolute()) if source is not None and Path(source).is_dir() else source


def differences(earlier: Recipe, now: Recipe) -> dict[str, tuple[Any, Any]]:
    """The keys in which a run differs from the one it resumes: key path to (was, is)."""
    found: dict[str, tuple[Any, Any]] = {}
    for section in FIXED:
        _compare(
            section,
            getattr(earlier, section).model_dump(),
            getattr(now, section).model_dump(),
            found,
        )
    for key in FIXED_TRAIN:
        _compare(f"train.{key}", getattr(earlier.train, key), getattr(now.train, key), found)
    return found


def require_same(
    earlier: Recipe,
    now: Recipe,
    allowed: tuple[str, ...],
    contents: Mapping[str, tuple[str | None, str]],
) -> None:
    """Refuse to resume a run under another recipe, or with other data under the same names.

    Args:
        earlier: the resolved recipe of the run.
        now: that of this command.
        allowed: keys that may differ.
        contents: hashes of data and tokenizer by key: (then, now).

    Raises:
        RunFolderError: lists every difference and the option that allows it.
        UsageError: `--allow-changed` names a key that has not changed.
    """
    found = differences(earlier, now)
    found |= {key: hashes for key, hashes in contents.items() if hashes[0] not in (None, hashes[1])}
    for key in allowed:
        if not any(path == key or path.startswith(f"{key}.") for path in found):
            hint = did_you_mean(key, found)
            raise UsageError(f"--allow-changed {key}: it has not changed{hint}")
    refused = {
        path: values
        for path, values in found.items()
        if not any(path == key or path.startswith(f"{key}.") for key in allowed)
    }
    if refused:
        lines = [f"{path}: was {was!r}, is {now_!r}" for path, (was, now_) in refused.items()]
        flags = " ".join(f"--allow-changed {path}" for path in refused)
        raise RunFolderError(
            "cannot resume: the recipe is not the one this run was started with\n  "
            + "\n  ".join(lines)
            + f"\nundo the change, start anew with --overwrite, or allow it: {flags}"
        )


def _compare(path: str, was: Any, now: Any, found: dict[str, tuple[Any, Any]]) -> None:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in {**was, **now}:
            _compare(f"{path}.{key}", was.get(key), now.get(key), found)
    elif was != now:
        found[path] = (was, now)


def require_known_metric(name: str, metrics: dict[str, float]) -> None:
    """Hold `metric_for_best_model` against what an evaluation gave.

    Raises:
        UsageError: names the metrics there are and the nearest.
    """
    if name not in metrics:
        raise UsageError(
            f"train.metric_for_best_model: this task has no metric {name!r}"
            f"{did_you_mean(name, metrics)} "
            f"(it has {', '.join(metrics)})"
        )
