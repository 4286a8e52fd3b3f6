"""How a run is started: what the command line says beside the recipe."""

from dataclasses import dataclass

from lmkit.errors import UsageError
from lmkit.recipe.base import TaskOptions, Verb
from lmkit.recipe.options import OPTIONS


@dataclass(frozen=True)
class RunOptions:
    """The options of `lmkit pretrain` and `lmkit finetune` that are not keys of the recipe."""

    verb: Verb
    """Which of the two commands was typed."""
    resume: bool = False
    """Go on from the newest whole checkpoint of the run folder, or start where there is none."""
    overwrite: bool = False
    """Move an earlier run in the output folder aside."""
    allow_changed: tuple[str, ...] = ()
    """Keys of the recipe that may differ from the run that is resumed."""
    dry_run: bool = False
    """Check and estimate everything; train and write nothing."""
    as_json: bool = False
    """Print the summary as one JSON object."""
    quiet: bool = False
    """No progress and no information lines; warnings and errors stay."""
    command: str = ""
    """The command as typed, for the manifest and for the message that tells how to go on."""

    def __post_init__(self) -> None:
        """Refuse options that exclude each other.

        Raises:
            UsageError: both `--resume` and `--overwrite`.
        """
        if self.resume and self.overwrite:
            raise UsageError(
                "--resume and --overwrite: one goes on with the run that is there, the other "
                "replaces it; give one of them"
            )

    def check_task(self, task: TaskOptions) -> None:
        """Refuse what the other command is for.

        Raises:
            UsageError: `pretrain` with a task that does not learn from raw text.
        """
        if self.verb == "pretrain" and task.verb != "pretrain":
            own = [name for name, options in OPTIONS.items() if options.verb == "pretrain"]
            raise UsageError(
                f"lmkit pretrain: task.name is {task.name}, and pretrain is for "
                f"{' and '.join(own)}; the command for {task.name} is lmkit finetune"
            )
