"""The options of each task, one file a task; the folder is the registry.

A file holds one subclass of `TaskOptions` whose `name` is a literal. `AnyTaskOptions` is the union
of all of them, told apart by that name, so that adding a task edits nothing here.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Field

from lmkit.recipe.base import TaskOptions


def _classes() -> tuple[type[TaskOptions], ...]:
    """Every options class of this folder, in the order of the file names."""
    names = sorted(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__))
    return tuple(
        one
        for module in map(importlib.import_module, names)
        for one in vars(module).values()
        if isinstance(one, type)
        and issubclass(one, TaskOptions)
        and one.__module__ == module.__name__
    )


def task_name(options: type[TaskOptions]) -> str:
    """The literal in `name`, by which recipes choose the class."""
    names: Any = options.model_fields["name"].annotation
    return str(names.__args__[0])


OPTIONS = {task_name(cls): cls for cls in _classes()}

if TYPE_CHECKING:
    AnyTaskOptions = TaskOptions
else:
    AnyTaskOptions = Annotated[Union[tuple(OPTIONS.values())], Field(discriminator="name")]  # noqa: UP007 - built at run time
