"""What is told of a model beyond its metrics. The folder is the registry: one file a task.

Each has `details`, from what was scored to a list of `Detail`; where its model writes `sample`
(samples.py), and where its answers can be explained `questions` and `answers` (explaining.py).
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from lmkit.evaluation.detail import Detail

if TYPE_CHECKING:
    from lmkit.details.scored import Scored


def details_of(scored: "Scored") -> list[Detail]:
    """All that there is to tell of a split that was scored; nothing for a task without a file."""
    module = module_of(scored.task.options.name)
    found: list[Detail] = [] if module is None else module.details(scored)
    return found


def module_of(name: str) -> Any:
    """The file of a task; None for a task without one."""
    if name not in {module.name for module in pkgutil.iter_modules(__path__)}:
        return None
    return importlib.import_module(f"{__name__}.{name}")
