"""What is told of a model beyond its metrics. The folder is the registry: one file a task.

Each has `details`, from what was scored to a list of `Detail`.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING

from lmkit.evaluation.detail import Detail

if TYPE_CHECKING:
    from lmkit.details.scored import Scored


def details_of(scored: "Scored") -> list[Detail]:
    """All that there is to tell of a split that was scored; nothing for a task without a file."""
    name = scored.task.options.name
    if name not in {module.name for module in pkgutil.iter_modules(__path__)}:
        return []
    found: list[Detail] = importlib.import_module(f"{__name__}.{name}").details(scored)
    return found
