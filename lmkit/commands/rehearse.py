"""What can be known to be wrong before the first step, once all parts of a run are there.

Without this a misspelled metric would be told at the first evaluation, and a schedule's argument
by a traceback, each after a run folder was made.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from lmkit.commands.resolve import require_known_metric
from lmkit.errors import DataError
from lmkit.evaluation.scoring import score
from lmkit.recipe.sections import Recipe
from lmkit.tasks.base import Examples, Task
from lmkit.training.arguments import training_arguments
from lmkit.training.optimizers import make_optimizer
from lmkit.training.processes import Processes, state_arguments
from lmkit.training.schedules import check_schedule

ROWS = 8  # that the metrics are tried on
NOMINAL_STEPS = 1000  # of a run whose length is not known yet
# What an optimizer by itself does without.
ALONE: dict[str, Any] = {
    "report_to": "none", "eval_strategy": "no", "load_best_model_at_end": False,
    "lr_scheduler_type": "constant", "lr_scheduler_kwargs": None,
}  # fmt: skip


class _First:
    """The first few of some examples."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples
        self.lengths = examples.lengths[:ROWS]

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        return self.examples[key]


def rehearse(
    recipe: Recipe,
    processes: Processes,
    task: Task[Any],
    model: PreTrainedModel,
    train: Examples,
    validation: Callable[[], Examples] | None,
) -> None:
    """Try everything that training will need.

    Args:
        recipe: resolved or not.
        processes: this one and the others.
        task: what is learned.
        model: still untrained.
        train: the examples to train on.
        validation: makes the examples of the validation split; None where there is none.

    Raises:
        DataError: nothing to train on, or no validation data although evaluations are asked for.
        UsageError: `optim_args`, `lr_scheduler_kwargs`, `warmup_steps` or the metric do not fit.
        ModelError: the optimizer lacks a library, or does not fit the model.
    """
    if len(train) == 0:
        raise DataError("train: there is nothing to train on: no example in the training data")
    steps = recipe.train.max_steps
    check_schedule(recipe.train, steps if steps > 0 else NOMINAL_STEPS)
    if "layerwise" not in recipe.train.optim:  # those hook themselves into the model
        optimizer_of(recipe, model, processes)
    if recipe.train.eval_strategy == "no":
        return
    if validation is None:
        raise DataError(
            "data.validation: evaluation is asked for (train.eval_strategy), but there is no "
            "validation data; give some or set train.eval_strategy: no"
        )
    metric = (recipe.train.metric_for_best_model or task.best_metric).removeprefix("eval_")
    if metric != task.best_metric:
        check_metric(metric, task, model, validation())


def optimizer_of(
    recipe: Recipe, model: PreTrainedModel, processes: Processes
) -> torch.optim.Optimizer:
    """The optimizer that training will make."""
    arguments = training_arguments(
        recipe.train, Path(str(recipe.output_dir)), **ALONE, **state_arguments(processes),
    )  # fmt: skip
    return make_optimizer(recipe.train.optim, model, arguments, recipe.train.layerwise_lr_decay)


def check_metric(name: str, task: Task[Any], model: PreTrainedModel, scored: Examples) -> None:
    """Score a few examples and see that the metric by which the best is chosen is there."""
    task.attach(model)
    tried = task.while_training(name)
    try:
        rows = score(model, tried, _First(scored), batch_size=1)
    finally:
        task.detach(model)
    require_known_metric(name, tried.measure(rows))
