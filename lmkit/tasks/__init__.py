"""The tasks. The folder is the registry: one file a task, named as recipes name it."""

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from lmkit.recipe.base import TaskOptions

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from lmkit.tasks.base import Task


def names() -> list[str]:
    """Every task's name, without importing any."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "base")


def for_model(config: "PreTrainedConfig", positions: int) -> "Task[Any] | None":
    """The task that a saved model is for, told by the head it was saved with; else None.

    Args:
        config: of the model.
        positions: the longest sequence to read, in tokens.
    """
    for name in names():
        cls = importlib.import_module(f"{__name__}.{name}").TASK
        options = cls.options_for(config, positions)
        if options is not None:
            task: Task[Any] = cls(options)
            return task
    return None


def build(options: TaskOptions) -> "Task[Any]":
    """The task that the options are for; only its module is imported."""
    module = importlib.import_module(f"{__name__}.{options.name}")
    task: Task[Any] = module.TASK(options)
    return task
