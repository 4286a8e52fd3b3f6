"""`lmkit finetune`."""

from lmkit.cli.training import command

finetune = command(
    "finetune",
    """Train a model for a task: any task, from a pretrained model or a small new one.""",
)
