"""Standard input as a source of data: kept in the cache under its content, then read as a file.

What is kept stays there, so that a run can be resumed and scored after the pipe is gone.
"""

import hashlib
import io
import logging
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from lmkit.data.cache import cache_dir, entry
from lmkit.data.fingerprint import combined
from lmkit.data.formats import Kind, signature
from lmkit.errors import CacheError, DataError
from lmkit.recipe.sections import STANDARD_INPUT, DataSection

logger = logging.getLogger(__name__)

FOLDER = "stdin"
"""The part of the cache that holds what was piped in."""

_CHUNK = 1 << 20
_EXTENSIONS: dict[Kind, str] = {"text": ".txt"}  # of the others: their names


def with_standard_input(
    data: DataSection, *, earlier: DataSection | None = None, folder: Path | None = None
) -> DataSection:
    """The section with a file in the place of `-`; any other is given back as it is.

    Args:
        data: As the recipe has it.
        earlier: The section of the run that is resumed: where nothing is piped in, its file is
            taken again.
        folder: Where the file is kept; left out, the cache.

    Raises:
        DataError: standard input is empty or a terminal.
        CacheError: it cannot be kept.
    """
    paths = data.paths()
    key = next((key for key, path in paths.items() if path == STANDARD_INPUT), None)
    if key is None:
        return data
    kept = Path("" if earlier is None else earlier.paths().get(key, ""))
    if kept.parent.parent.name == FOLDER and kept.is_file() and _is_silent():
        logger.info("%s: standard input as this run read it first: %s", key, kept)
        return data.with_paths(lambda path: str(kept) if path == STANDARD_INPUT else path)
    file = str(keep_standard_input(key, kind=data.format_at(key), folder=folder))
    return data.with_paths(lambda path: file if path == STANDARD_INPUT else path)


def keep_standard_input(key: str, *, kind: Kind | None = None, folder: Path | None = None) -> Path:
    """The file that holds what is piped into this process, read to its end.

    Its name tells the format, `kind` or text, and whether it is compressed, as its bytes say.

    Args:
        key: What asks for it, for messages.
        kind: The format.
        folder: Where it is kept; left out, the cache.

    Raises:
        DataError: standard input is empty or a terminal.
        CacheError: it cannot be kept.
    """
    cure = "pipe data into the command (cat FILE | lmkit ...), or name a file"
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        raise DataError(f"{key}: standard input (`-`) is a terminal; {cure}")
    place = folder or cache_dir() / FOLDER
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place) as aside:
            sha256, size = _spool(sys.stdin.buffer, aside)
            if not size:
                raise DataError(f"{key}: standard input (`-`) is empty; {cure}")
            aside.seek(0)
            suffix = _EXTENSIONS.get(kind or "text", f".{kind}") + signature(aside.read(8))

            def write(into: Path) -> Mapping[str, str]:
                aside.seek(0)
                with (into / f"input{suffix}").open("wb") as file:
                    shutil.copyfileobj(aside, file, _CHUNK)
                return {}

            made = entry(place / combined([sha256, suffix]), write)
    except OSError as error:
        raise CacheError(
            f"{place}: standard input cannot be kept ({error.strerror or error}); set LMKIT_CACHE "
            "to a folder with room that you may write to"
        ) from error
    file = made.folder / f"input{suffix}"
    logger.info("%s: standard input, %s bytes: %s", key, f"{size:,}", file)
    return file


def _is_silent() -> bool:
    """Whether nothing is piped in: there is no standard input, it is a terminal, or at its end."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return True
    piped = sys.stdin.buffer
    return isinstance(piped, io.BufferedReader) and not piped.peek(1)


def _spool(stream: BinaryIO, aside: BinaryIO) -> tuple[str, int]:
    """Copy a stream; its SHA-256 and its size in bytes."""
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        aside.write(chunk)
        size += len(chunk)
    return digest.hexdigest(), size
