"""The lines that `lmkit predict` writes: JSON Lines or CSV, one for each row of the input."""

import csv
import io
import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

from lmkit.commands.asked import Asked
from lmkit.errors import UsageError

Format = Literal["jsonl", "csv"]
Answer = dict[str, Any]
Record = dict[str, Any]

ERROR = "error"
"""The key of what is wrong with a row that is not answered."""
EXTENSIONS: dict[str, Format] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
OTHERS = (".tsv", ".parquet", ".arrow", ".gz", ".zst", ".xlsx")
"""Extensions that promise what is not written."""

logger = logging.getLogger(__name__)


def choose_format(asked: str | None, output: str | None) -> Format:
    """The format that is asked for, else by the extension of the file, else JSON Lines.

    Raises:
        UsageError: there is no such format, or the extension is that of another.
    """
    if asked is not None:
        if asked not in EXTENSIONS.values():
            raise UsageError(f"--format {asked}: allowed are jsonl and csv")
        return "csv" if asked == "csv" else "jsonl"
    extension = Path(output or "").suffix.lower()
    if extension in OTHERS:
        raise UsageError(
            f"--output {output}: JSON Lines or CSV is written; name the file .jsonl or .csv, or "
            "say which with --format"
        )
    return EXTENSIONS.get(extension, "jsonl")


class Lines:
    """Writes records, whole lines at a time."""

    def __init__(self, file: TextIO, form: Format, columns: Sequence[str]) -> None:
        """Settle where and how to write.

        Args:
            file: where to.
            form: JSON Lines or CSV.
            columns: those that the model reads; a single one is written as `text`.
        """
        self.renamed: set[str] = set()
        self.left_out: set[str] = set()
        self._file, self._form, self._columns = file, form, columns
        self._header: dict[str, None] | None = None

    def write(self, answered: Sequence[tuple[Asked, Answer | None]]) -> None:
        """The lines of a window, handed on at once."""
        records = [self._record(item, answer) for item, answer in answered]
        if self._form == "jsonl":
            for record in records:
                self._put(json.dumps(record, ensure_ascii=False, default=str))
        else:
            self._put_cells(records)
        self._file.flush()

    def _record(self, item: Asked, answer: Answer | None) -> Record:
        """What was asked (`text`, where it is one), the answer or the error, the other columns."""
        values = item.row.values
        single = self._columns[0] if len(self._columns) == 1 else None
        made: Record = {} if single not in values else {"text": values[single]}
        if answer is None:
            made[ERROR] = str(item.error)
        else:
            made |= _flat(answer) if self._form == "csv" else answer
        for key, value in values.items():
            if key == single:
                continue
            name = key
            while name in made or name == ERROR:
                self.renamed.add(key)
                name = f"input_{name}"
            made[name] = None if isinstance(value, float) and not math.isfinite(value) else value
        return made

    def _put_cells(self, records: Sequence[Record]) -> None:
        """Rows of CSV under a header of all columns of the first window, the error's the last."""
        if self._header is None:
            ordered = sorted(records, key=lambda record: ERROR in record)  # whole rows first
            self._header = {key: None for record in ordered for key in record if key != ERROR}
            self._header[ERROR] = None
            self._put(_cells(self._header))
        for record in records:
            self._put(_cells(_cell(record.get(key)) for key in self._header))
            self.left_out |= record.keys() - self._header.keys()

    def _put(self, line: str) -> None:
        try:
            self._file.write(line + "\n")
        except UnicodeEncodeError:  # half a surrogate pair, or a terminal of few characters
            if self._form == "jsonl":
                line = json.dumps(json.loads(line))
            encoding = self._file.encoding or "utf-8"
            self._file.write(line.encode(encoding, "replace").decode(encoding) + "\n")


def _flat(answer: Answer) -> Answer:
    """The answer with `scores.NAME` for each of its scores."""
    made: Answer = {}
    for key, value in answer.items():
        if isinstance(value, dict):
            made |= {f"{key}.{name}": inner for name, inner in value.items()}
        else:
            made[key] = value
    return made


def _cell(value: Any) -> str:
    """A value as text: nothing for null, JSON for what is nested."""
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _cells(values: Any) -> str:
    """A line of CSV without its end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()
