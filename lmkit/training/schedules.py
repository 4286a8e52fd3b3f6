"""`lr_scheduler_kwargs` held against the schedule before anything is trained.

transformers tells of a wrong one by a traceback when training begins, of a value of the wrong kind
in the middle of training, and of a warm-up that a schedule does not have not at all.
"""

import inspect
from typing import Any

import torch
from transformers import SchedulerType
from transformers.optimization import TYPE_TO_SCHEDULER_FUNCTION, GreedyLR, get_scheduler

from lmkit.errors import UsageError
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.train import TrainSection

OWNED = {"self", "optimizer", "num_warmup_steps", "num_training_steps", "last_epoch", "kwargs"}
# These hand all keywords on to a class.
CLASSES = {
    "reduce_lr_on_plateau": torch.optim.lr_scheduler.ReduceLROnPlateau,
    "greedy": GreedyLR,
}
TAKE_NOTHING = ("constant", "constant_with_warmup")
WITHOUT_WARMUP = ("constant", *CLASSES)


def check_schedule(train: TrainSection, max_steps: int) -> None:
    """Build the schedule for an optimizer of one number and ask it for some learning rates.

    Args:
        train: names the schedule, its arguments and the learning rate.
        max_steps: optimizer steps of the run.

    Raises:
        UsageError: a key the schedule does not take (the nearest is named), a value it cannot use,
            or a warm-up that it does not have.
    """
    name, given = train.lr_scheduler_type, train.lr_scheduler_kwargs or {}
    taken = arguments(name)
    for key in given:
        if key not in taken:
            allowed = f"it takes {', '.join(taken)}" if taken else "it takes none"
            raise UsageError(
                f"train.lr_scheduler_kwargs: {name} has no argument {key!r}"
                f"{did_you_mean(key, taken)} ({allowed})"
            )
    if train.warmup_steps and name in WITHOUT_WARMUP:
        instead = " (constant_with_warmup has one)" if name == "constant" else ""
        raise UsageError(f"train.warmup_steps: {name} has no warm-up{instead}; leave it out")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=train.learning_rate)
    share = train.warmup_steps < 1
    warmup = int(train.warmup_steps * max_steps) if share else int(train.warmup_steps)
    try:
        schedule: Any = get_scheduler(name, optimizer, warmup, max_steps, given)
        for rate in getattr(schedule, "lr_lambdas", []):
            for step in {0, warmup, (warmup + max_steps) // 2, max_steps - 1}:
                float(rate(step))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise UsageError(f"train.lr_scheduler_kwargs: {name} refuses {given}: {error}") from error


def arguments(name: str) -> list[str]:
    """The keys that `lr_scheduler_kwargs` may hold for a schedule."""
    if name in TAKE_NOTHING:  # transformers does not even read them
        return []
    made: Any = CLASSES.get(name) or TYPE_TO_SCHEDULER_FUNCTION[SchedulerType(name)]
    return sorted(set(inspect.signature(made).parameters) - OWNED)
