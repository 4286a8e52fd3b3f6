"""Every cause of failure that a user can mend, one class each.

`cli.main` alone catches `LmkitError`: it prints the text on standard error and ends with
`exit_code`. A text says what is wrong, where, what was found, what is allowed and, where there is
one, the nearest valid name.
"""

import importlib.util
from collections.abc import Sequence

from lmkit.worker import LOST


class LmkitError(Exception):
    """Something the user can mend. `exit_code` is the process's (contract: 2)."""

    exit_code = 2


class UsageError(LmkitError):
    """Options or arguments that do not fit together."""


class RecipeError(LmkitError):
    """Every problem of a recipe, one line each: `FILE:LINE:COLUMN: text` or `--set KEY: text`."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class DataError(LmkitError):
    """A file, a row or a corpus that cannot be used; names the file and the row or byte."""


class NoRowsError(DataError):
    """Data that can be read and holds no row."""


class CacheError(LmkitError):
    """The cache folder cannot be written, or its disk is full."""


class TokenizerError(LmkitError):
    """A tokenizer that is missing, unreadable or does not fit the task or the model."""


class ModelError(LmkitError):
    """A model that is missing, unreadable or does not fit the task or the data."""


class HubError(LmkitError):
    """The hub could not be reached or does not hold what was named."""


class RunFolderError(LmkitError):
    """An output folder that cannot be written, is in use, or is not a run."""


class CheckpointError(LmkitError):
    """A checkpoint that could not be written whole or does not belong to this run."""


class MissingExtraError(LmkitError):
    """An optional dependency is absent; the text holds the install command."""


def require_extra(what: str, library: str, extra: str) -> None:
    """Say before anything is read that an optional library is absent.

    Args:
        what: needs it: a key of a recipe, an option, a file.
        library: as it is imported.
        extra: of lmkit, that installs it.

    Raises:
        MissingExtraError: with the command that installs it.
    """
    if importlib.util.find_spec(library) is None:
        raise MissingExtraError(
            f'{what}: needs {library}, which is not installed: pip install "lmkit[{extra}]"'
        )


class MemoryShortError(LmkitError):
    """Memory does not suffice, not even for the smallest micro-batch."""


class LostProcessError(LmkitError):
    """Another process of the run died, hangs or cannot be reached (EX_TEMPFAIL: try again)."""

    exit_code = LOST


class GuardStopError(LmkitError):
    """The training guard stopped the run: a loss or gradient that is not finite, or divergence."""

    exit_code = 3


class InterruptedRunError(LmkitError):
    """A signal ended the run after a checkpoint; `exit_code` is 128 + the signal's number."""

    def __init__(self, message: str, signal_number: int) -> None:
        self.exit_code = 128 + signal_number
        super().__init__(message)


def of_tokenizers(error: BaseException) -> bool:
    """Whether `tokenizers` raised this: a bare `Exception`, or, where it panicked, no Exception."""
    return type(error) is Exception or type(error).__name__ == "PanicException"
