"""Data sets with trouble planted in rows that are known, and a source that reads them."""

import csv
import json
from pathlib import Path

import pytest

from lmkit.data.doctor.examine import View, examine
from lmkit.data.doctor.verdict import findings
from lmkit.data.file_source import FileSource
from lmkit.data.files import find_files
from lmkit.data.text import Reading


class Examination:
    """What the doctor says of some files: facts by split, findings by split and kind."""

    def __init__(self, view: View, **files: Path) -> None:
        reading = Reading("line", "strict", view.text_column)
        sources = [
            FileSource(name, find_files(str(path), f"data.{name}"), reading)
            for name, path in files.items()
        ]
        examined = examine(sources, view)
        self.splits = {split.name: split for split in examined}
        self.findings = {}
        for found in findings(examined, view):
            key = (found.split, found.kind)
            while key in self.findings:  # one for each column
                key = (key[0], f"{key[1]}+")
            self.findings[key] = found

    def places(self) -> dict[tuple[str, str], list[str]]:
        """The rows of each finding, without the folder."""
        return {
            key: [row.rpartition("/")[2] for row in found.rows]
            for key, found in self.findings.items()
        }


@pytest.fixture
def examination():
    """A function from a `View` and a file a split to what was found."""
    return Examination


@pytest.fixture
def write_csv(tmp_path: Path):
    """A function that writes rows of text and label under a header; row i stands in line i + 2."""

    def write(name: str, rows: list[tuple[str, str]]) -> Path:
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([("text", "label"), *rows])
        return path

    return write


@pytest.fixture
def write_lines(tmp_path: Path):
    """A function that writes JSON Lines."""

    def write(name: str, rows: list[object]) -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write
