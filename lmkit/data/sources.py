"""From the `data` section of a recipe to the rows of its splits.

Local files are read here; hub sets in hub.py; the embedded `stdlib` set in stdlib.py. Whatever the
format, rows are streamed: nothing is held but the row at hand.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from lmkit.data.delimited import read_conll, read_csv, read_tsv
from lmkit.data.files import find_files
from lmkit.data.fingerprint import combined, file_hashes
from lmkit.data.formats import DataFile, Kind
from lmkit.data.hub import open_hub
from lmkit.data.json_rows import read_json, read_json_lines
from lmkit.data.rows import Row as Row
from lmkit.data.rows import RowSource
from lmkit.data.rows import Source as Source
from lmkit.data.rows import Splits as Splits
from lmkit.data.rows import column as column
from lmkit.data.rows import label as label
from lmkit.data.split import FirstRows, hold_out
from lmkit.data.stdlib import open_stdlib
from lmkit.data.tables import read_table
from lmkit.data.text import Reading, read_text
from lmkit.recipe.base import TaskOptions
from lmkit.recipe.sections import DataSection

logger = logging.getLogger(__name__)

_READERS: dict[Kind, Callable[[DataFile, Reading], Iterator[Row]]] = {
    "text": read_text,
    "json": read_json,
    "jsonl": read_json_lines,
    "csv": read_csv,
    "tsv": read_tsv,
    "conll": read_conll,
    "parquet": lambda file, _: read_table(file),
    "arrow": lambda file, _: read_table(file),
}
_CORPUS_TASKS = ("causal_lm", "masked_lm")  # their rows are running text


class FileSource(RowSource):
    """The rows of local files, in the order of the files."""

    def __init__(self, name: str, files: Sequence[DataFile], reading: Reading) -> None:
        super().__init__(name, reading.text_column)
        self.files = list(files)
        self._reading = reading
        self._hashes: list[tuple[int, str]] | None = None

    def read(self) -> Iterator[Row]:
        """The rows of one file after the other."""
        for file in self.files:
            yield from _READERS[file.kind](file, self._reading)

    def nothing(self, blank: int) -> str:
        """The file that is empty, or how many are."""
        if len(self.files) > 1:
            return f"{self.name} data: none of {len(self.files)} files holds a row of data"
        file = self.files[0]
        if file.path.stat().st_size == 0:
            return f"{file}: the file is empty"
        if blank or file.kind in ("text", "jsonl", "conll"):
            return f"{file}: the file holds nothing but white space"
        return f"{file}: the file holds no row of data"

    def fingerprint(self) -> str:
        """SHA-256 of the files' bytes, their formats and how they are read."""
        files = [
            [file.kind, file.compression, sha256]
            for file, (_, sha256) in zip(self.files, self._hashed(), strict=True)
        ]
        return combined(["files", 1, files, asdict(self._reading)])

    def describe(self) -> list[dict[str, Any]]:
        """Path, size on the disk in bytes and SHA-256 of each file."""
        return [
            {"path": str(file.path.absolute()), "bytes": size, "sha256": sha256}
            for file, (size, sha256) in zip(self.files, self._hashed(), strict=True)
        ]

    def _hashed(self) -> list[tuple[int, str]]:
        """Size and hash of each file, computed once."""
        if self._hashes is None:
            self._hashes = file_hashes([file.path for file in self.files])
        return self._hashes


def open_splits(data: DataSection, options: TaskOptions) -> Splits:
    """The training, validation and test data of a recipe.

    Where no validation data is named it is split off the training data (see split.py for how).
    Each split is looked into, so that an empty or unreadable one is found before anything else.

    Raises:
        DataError: a file, a folder or a row cannot be used; it is named with the cure.
        HubError: a hub set cannot be had.
    """
    text_column = getattr(options, "text_column", None)
    if data.dataset == "stdlib":
        train, validation, test = open_stdlib(data, options)
    elif data.dataset is not None:
        train, validation, test = open_hub(data, text_column)
    else:
        train, validation, test = _open_local(data, options)
    for source in (train, validation, test):
        if source is not None:
            next(source.rows())
    if validation is None:
        train, validation = hold_out(
            train,
            data.validation_share,
            text_column=text_column,
            is_corpus=options.name in _CORPUS_TASKS,
        )
    if data.max_documents is not None:
        limit = data.max_documents
        train = FirstRows("train", train, limit)
        validation = FirstRows("validation", validation, limit)
        test = test and FirstRows("test", test, limit)
    return Splits(train, validation, test)


def open_files(
    spec: str | Sequence[str], data: DataSection, options: TaskOptions, *, name: str, key: str
) -> FileSource:
    """Files that are read as a recipe's own are.

    Args:
        spec: A file, a folder, a glob or a list of them.
        data: How they are read.
        options: The task, for the name of its text column.
        name: The split they stand for.
        key: What names them (`data.train`, `--data`), for messages.

    Raises:
        DataError: nothing is found.
    """
    reading = Reading(data.document, data.errors, getattr(options, "text_column", None))
    return FileSource(name, find_files(spec, key), reading)


def _open_local(data: DataSection, options: TaskOptions) -> Splits:
    """The sources that the recipe names itself; a file in two of them is told."""
    sources: dict[str, FileSource] = {}
    for name in ("train", "validation", "test"):
        if (spec := getattr(data, name)) is not None:
            sources[name] = open_files(spec, data, options, name=name, key=f"data.{name}")
    for name in ("validation", "test"):
        if name in sources:
            shared = {file.path.resolve() for file in sources["train"].files}
            if both := [file for file in sources[name].files if file.path.resolve() in shared]:
                logger.warning(
                    "data.train and data.%s both hold %s: the scores will be too good",
                    name,
                    both[0],
                )
    return Splits(sources["train"], sources.get("validation"), sources.get("test"))
