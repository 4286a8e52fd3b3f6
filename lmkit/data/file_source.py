"""The rows of local files, one after the other, and what the files are known by."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from lmkit.data.delimited import read_conll, read_csv, read_tsv
from lmkit.data.fingerprint import combined, file_hashes, piece_hash
from lmkit.data.formats import DataFile, Kind
from lmkit.data.json_rows import read_json, read_json_lines
from lmkit.data.refusals import refuse
from lmkit.data.rows import Row, RowSource
from lmkit.data.tables import read_table
from lmkit.data.text import Reading, read_text
from lmkit.errors import DataError

READERS: dict[Kind, Callable[[DataFile, Reading], Iterator[Row]]] = {
    "text": read_text,
    "json": read_json,
    "jsonl": read_json_lines,
    "csv": read_csv,
    "tsv": read_tsv,
    "conll": read_conll,
    "parquet": lambda file, _: read_table(file),
    "arrow": lambda file, _: read_table(file),
}


class FileSource(RowSource):
    """The rows of local files, in the order of the files."""

    def __init__(self, name: str, files: Sequence[DataFile], reading: Reading) -> None:
        super().__init__(name, reading.text_column)
        self.files = list(files)
        self.reading = reading
        self._hashes: list[tuple[int, str]] | None = None

    def read(self) -> Iterator[Row]:
        """The rows of one file after the other."""
        for file in self.files:
            try:
                yield from READERS[file.kind](file, self.reading)
            except DataError as error:
                refuse(error)

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
            [file.kind, file.compression, sha256, *([file.begin > 0] if file.end else [])]
            for file, (_, sha256) in zip(self.files, self._hashed(), strict=True)
        ]
        return combined(["files", 1, files, asdict(self.reading)])

    def describe(self) -> list[dict[str, Any]]:
        """Path, size on the disk in bytes and SHA-256 of each file, or of each piece of one."""
        return [
            {"path": str(file.path.absolute()), "bytes": size, "sha256": sha256, **file.piece()}
            for file, (size, sha256) in zip(self.files, self._hashed(), strict=True)
        ]

    def _hashed(self) -> list[tuple[int, str]]:
        """Size and hash of each file, computed once."""
        if self._hashes is None:
            whole = [file.path for file in self.files if file.end is None]
            hashes = iter(file_hashes(whole))
            self._hashes = [
                next(hashes)
                if file.end is None
                else (file.end - file.begin, piece_hash(file.path, file.begin, file.end))
                for file in self.files
            ]
        return self._hashes
