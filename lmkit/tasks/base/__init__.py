"""What every task is, and what those share that predict tokens."""

from lmkit.tasks.base.task import (
    LABEL_WIDTH,
    Batch,
    Examples,
    Features,
    Intervals,
    Metrics,
    Rows,
    Task,
)
from lmkit.tasks.base.token_task import TokenTask

__all__ = [
    "LABEL_WIDTH",
    "Batch",
    "Examples",
    "Features",
    "Intervals",
    "Metrics",
    "Rows",
    "Task",
    "TokenTask",
]
