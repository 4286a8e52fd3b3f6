"""What every task is, and what those share that predict tokens."""

from lmkit.tasks.base.measured import Answers, Intervals, Metrics, Rows
from lmkit.tasks.base.task import LABEL_WIDTH, Batch, Examples, Features, Task
from lmkit.tasks.base.token_task import TokenTask

__all__ = [
    "LABEL_WIDTH",
    "Answers",
    "Batch",
    "Examples",
    "Features",
    "Intervals",
    "Metrics",
    "Rows",
    "Task",
    "TokenTask",
]
