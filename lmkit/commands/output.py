"""Where results go: standard output, or a file that is checked before minutes of work."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TextIO

from lmkit.errors import UsageError
from lmkit.evaluation.detail import Detail, details_json
from lmkit.run_folder import write_json

SHOWN = "-"
"""In the place of a file: it goes to standard output."""


def check_output(output: str | None, flag: str = "--output") -> None:
    """What can be said of an output file before anything is done.

    Args:
        output: its path; None is no file.
        flag: the option that names it.

    Raises:
        UsageError: it is a folder, lies in one that is not there, or can be no name.
    """
    if output is None:
        return
    path = Path(output)
    try:
        if path.is_dir():
            raise UsageError(f"{flag} {output}: is a folder; name a file")
        if not path.parent.is_dir():
            raise UsageError(f"{flag} {output}: there is no folder {path.parent}")
    except OSError as error:  # of names that are too long
        raise UsageError(f"{flag} {output}: cannot be written: {error.strerror}") from error


def tell_json(told: Mapping[str, Any], output: str | None, *, shown: bool) -> bool:
    """Keep an object in a file where one is named, and write it to standard output if `shown`.

    Returns:
        Whether it was shown: else it is told to a person.

    Raises:
        RunFolderError: the file cannot be written.
    """
    if output is not None:
        write_json(Path(output), told)
    if shown:
        sys.stdout.write(json.dumps(told, ensure_ascii=False, allow_nan=False) + "\n")
    return shown


def keep_details(file: str | None, task: str, split: str, details: Sequence[Detail]) -> None:
    """Write the details of what was scored, where a file is named for them.

    Raises:
        RunFolderError: the file cannot be written.
    """
    if file is not None and file != SHOWN:
        write_json(Path(file), details_json(task, split, details))


@contextmanager
def open_output(output: str | None, *, append: bool = False) -> Iterator[TextIO]:
    """The file to write to, line by line; None is standard output.

    Args:
        output: its path.
        append: behind what is there.

    Raises:
        UsageError: the file cannot be written.
    """
    if output is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    try:
        mode: Literal["a", "w"] = "a" if append else "w"
        file = Path(output).open(mode, encoding="utf-8", buffering=1)  # noqa: SIM115 - yielded below
    except OSError as error:
        raise UsageError(f"--output {output}: cannot be written: {error.strerror}") from error
    with file:
        yield file
