"""What is told of a model beyond its metrics: tables, matrices, curves and texts.

`details.json` holds a list of these, from which a report draws; `lmkit eval --details -` prints it.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

View = Literal["table", "matrix", "line", "texts"]

LONGEST = 300
"""Characters of a text that are kept."""
_CELL = 12  # columns of a label in a matrix that is printed
_WIDTH = 88


@dataclass(frozen=True)
class Detail:
    """One table, matrix, curve or list of texts. R rows, K columns."""

    name: str
    """For programs, such as `confusion`; unlike those of the other details of a run."""
    title: str
    """For people."""
    definition: str
    """What is counted and how, with its limits."""
    view: View
    """`table`; `matrix`: the first column names the rows; `line`: the first column is x, each other
    one a curve; `texts`: rows of texts, each at most 300 characters."""
    columns: Sequence[str]
    """(K,)"""
    rows: Sequence[Sequence[Any]]
    """(R, K) of text, numbers, booleans and None."""

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows), self.name

    def as_json(self) -> dict[str, Any]:
        """The same for JSON: a number that is not finite is null, a text has its bounded length."""
        return {
            "name": self.name, "title": self.title, "definition": self.definition,
            "view": self.view, "columns": list(self.columns),
            "rows": [[_plain(cell) for cell in row] for row in self.rows],
        }  # fmt: skip

    def text(self) -> str:
        """For a terminal: the title, what it means, and a line a row."""
        head = [f"{self.title} ({self.name})", *textwrap.wrap(self.definition, _WIDTH)]
        shown = [[_shown(cell) for cell in row] for row in self.as_json()["rows"]]
        if self.view == "texts":
            return "\n".join([*head, *(line for row in shown for line in self._paragraph(row))])
        names = list(self.columns)
        if self.view == "matrix":
            names = [name[:_CELL] for name in names]
            shown = [[row[0][:_CELL], *row[1:]] for row in shown]
        widths = [max(map(len, column)) for column in zip(names, *shown, strict=True)]
        lines = [
            "  ".join([f"{row[0]:<{widths[0]}}", *map(_right, row[1:], widths[1:])])
            for row in (names, *shown)
        ]
        return "\n".join([*head, *lines])

    def _paragraph(self, row: Sequence[str]) -> list[str]:
        """A row of texts: short cells on one line, long ones below it."""
        cells = dict(zip(self.columns, row, strict=True))
        short = ", ".join(f"{k} {v}" for k, v in cells.items() if len(v) <= _CELL * 2)
        lines = [f"- {short}"]
        for name, value in cells.items():
            if len(value) > _CELL * 2:
                lines += textwrap.wrap(
                    f"{name}: {value}", _WIDTH, initial_indent="  ", subsequent_indent="    "
                )
        return lines


def details_json(task: str, split: str, details: Sequence[Detail]) -> Mapping[str, Any]:
    """The content of `details.json`.

    Args:
        task: its name.
        split: what was scored.
        details: of it.
    """
    return {"task": task, "split": split, "details": [detail.as_json() for detail in details]}


def shortened(text: str) -> str:
    """A text in one line of at most 300 characters."""
    line = " ".join(text[: 4 * LONGEST].split())
    cut = len(line) > LONGEST or len(text) > 4 * LONGEST
    return line[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}" if cut else line


def _plain(cell: Any) -> Any:
    """A cell as JSON knows it."""
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, str):
        return shortened(cell)
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _shown(cell: Any) -> str:
    if cell is None:
        return "-"
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)


def _right(cell: str, width: int) -> str:
    return f"{cell:>{width}}"
