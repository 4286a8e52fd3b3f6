"""Prompts from arguments, a text file (one a line), JSON Lines or standard input."""

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from lmkit.errors import DataError, UsageError
from lmkit.recipe.nearest import nearest

DEFAULT_COLUMN = "prompt"
JSON_LINES = frozenset({".jsonl", ".ndjson", ".json"})
STANDARD_INPUT = "-"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prompt:
    """What to continue. An empty text asks for a text from the start token on."""

    index: int
    """Its place among the prompts, from 0."""
    text: str
    origin: str
    """Where it came from, for messages: `argument 1`, `FILE:LINE`."""
    columns: dict[str, Any] = field(default_factory=dict)
    """The other columns of its JSON Lines row."""


def from_arguments(texts: Sequence[str]) -> list[Prompt]:
    """Prompts given on the command line; none at all is one empty prompt.

    Raises:
        UsageError: an argument is not valid UTF-8.
    """
    if not texts and sys.stdin is not None and not sys.stdin.isatty():
        logger.info("no prompt: text from the start token on (`--input -` reads standard input)")
    prompts = [
        Prompt(index, text, f"prompt {index + 1}") for index, text in enumerate(texts or [""])
    ]
    for prompt in prompts:
        if not encodable(prompt.text):
            raise UsageError(f"{prompt.origin}: is not valid UTF-8")
    return prompts


def from_file(path: str, column: str | None = None) -> Iterator[Prompt]:
    """Prompts of a file, read as they are asked for; `-` is standard input.

    A file named `.jsonl`, `.ndjson` or `.json`, any file with a given `column`, and standard input
    whose first line is a JSON object are read as JSON Lines; all else as one prompt a line. Blank
    lines are left out and counted in a warning.

    Args:
        path: the file, or `-`.
        column: the column of the prompt in JSON Lines; `prompt` where left out.

    Raises:
        DataError: at once if the file is missing; while reading if it holds no prompt, a line is no
            JSON object, lacks the column, or is not UTF-8 (file and line are named).
    """
    if path != STANDARD_INPUT:
        if not Path(path).exists():
            raise DataError(f"--input {path}: there is no such file{_near(path)}")
        if not Path(path).is_file():
            raise DataError(f"--input {path}: is not a file")
    return _read(path, column)


def _read(path: str, column: str | None) -> Iterator[Prompt]:
    name = "standard input" if path == STANDARD_INPUT else path
    with _open(path) as file:
        lines = _text_lines(file, name)
        first = next(lines, None)
        if first is None:
            raise DataError(f"{name}: holds no prompt")
        as_json = column is not None or Path(path).suffix.lower() in JSON_LINES
        as_json = as_json or (path == STANDARD_INPUT and _is_object(first[1]))
        for index, (origin, line) in enumerate(chain([first], lines)):
            if as_json:
                yield _from_json(index, origin, line, column or DEFAULT_COLUMN)
            else:
                yield Prompt(index, line, origin)


def _open(path: str) -> Any:
    """A context manager that gives the bytes of a file or of standard input."""
    if path == STANDARD_INPUT:
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise DataError(f"--input {path}: cannot be read: {error.strerror}") from error


def _text_lines(file: BinaryIO | Iterable[bytes], name: str) -> Iterator[tuple[str, str]]:
    """(origin, text) of each line that is not blank; lines end at LF or CR LF only."""
    blank = offset = 0
    for number, raw in enumerate(file, 1):
        start = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        try:
            line = start.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            at = offset + len(raw) - len(start) + error.start
            raise DataError(
                f"{name}:{number}: byte 0x{start[error.start]:02x} at offset {at} is not UTF-8"
            ) from error
        offset += len(raw)
        if line.strip():
            yield f"{name}:{number}", line
        else:
            blank += 1
    if blank:
        logger.warning("%s: blank lines left out: %d", name, blank)


def _from_json(index: int, origin: str, line: str, column: str) -> Prompt:
    """The prompt of one line of JSON Lines."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{origin}: is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise DataError(
            f"{origin}: holds a {type(row).__name__}; JSON Lines have one object a line"
        )
    if column not in row:
        close = nearest(column, row)
        hint = f"; did you mean --column {close}?" if close else "; --column names another"
        raise DataError(
            f"{origin}: has no column {column!r}; found: {', '.join(row) or 'none'}{hint}"
        )
    text = row.pop(column)
    if not isinstance(text, str):
        raise DataError(f"{origin}: column {column!r} holds {json.dumps(text)[:40]}, not a text")
    if not encodable(text):
        raise DataError(f"{origin}: column {column!r} holds half of a surrogate pair")
    return Prompt(index, text, origin, row)


def _is_object(line: str) -> bool:
    """Whether a line is a JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def encodable(text: str) -> bool:
    """Whether a text can be written as UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _near(path: str) -> str:
    """A hint at the neighbor whose name is most like a missing one's."""
    parent = Path(path).parent
    names = [entry.name for entry in parent.iterdir()] if parent.is_dir() else []
    close = nearest(Path(path).name, names)
    return f"; did you mean {parent / close}?" if close else ""
