"""The report of a run: its scores, curves, details, data, guard, origin and recipe on one page."""

import math
from collections.abc import Sequence
from typing import Any

from lmkit.reports.facts import RunFacts, objects
from lmkit.reports.numbers import cut, number
from lmkit.reports.page import fill, fitting
from lmkit.reports.plots import curves, lines
from lmkit.reports.writings import SAMPLES, STEPS, tail
from lmkit.secrets import without_secrets

COLUMNS = 40
"""Columns of a table that are shown."""
_RECIPE = 100_000  # characters of a recipe that are shown
_SHADES = 9  # of a matrix


def render(facts: RunFacts) -> str:
    """The page of a run.

    Returns:
        HTML; where it would not fit in 2 MB, tables with fewer rows, and it says of how many.
    """
    figures = curves(facts.log)

    def make(rows: int, longest: int) -> str:
        details = [_detail(one, rows) for one in facts.details]
        drawn = [one["figure"] for one in details if one["figure"] is not None]
        return fill(
            "report.html.j2", facts.name, [*figures, *drawn], longest,
            facts=facts,
            rows=rows,
            train=facts.of_summary("train"),
            metrics=facts.of_summary("metrics"),
            baselines=facts.baselines,
            verdict=facts.of_summary("against_baselines").get("text"),
            per_class=_per_class(facts, rows),
            curves=figures,
            details=details,
            writings=[
                (tail(one.given), one, one.shown(min(rows, STEPS)))
                for one in facts.writings[:SAMPLES]
            ],
            splits=_splits(facts),
            command=without_secrets(str(facts.manifest.get("command", ""))),
            recipe=cut(without_secrets(facts.recipe), _RECIPE),
        )  # fmt: skip

    return fitting(make)


def _detail(detail: dict[str, Any], most: int) -> dict[str, Any]:
    """A table of the evaluation as the page shows it: as rows of texts, and as a figure."""
    columns = [str(name) for name in _list(detail.get("columns"))]
    rows = [_list(row) for row in _list(detail.get("rows"))]
    shown = [row[:COLUMNS] for row in rows[:most]]
    view = detail.get("view")
    drawn = lines(str(detail.get("title", "")), columns, rows) if view == "line" else None
    return {
        "title": detail.get("title") or detail.get("name") or "Details",
        "definition": detail.get("definition", ""),
        "matrix": view == "matrix",
        "texts": view == "texts",
        "columns": columns[:COLUMNS],
        "rows": [
            _shaded(row) if view == "matrix" else [(cell, 0) for cell in row] for row in shown
        ],
        "left_out": (max(0, len(rows) - most), max(0, len(columns) - COLUMNS)),
        "figure": drawn,
    }


def _shaded(row: Sequence[Any]) -> list[tuple[Any, int]]:
    """The cells of a row of a matrix with their shade: 0, or up to 9 for the whole of the row."""
    numbers = [max(0.0, found) if (found := number(cell)) == found else 0.0 for cell in row[1:]]
    total = sum(numbers) or 1
    shades = [math.ceil(min(one / total, 1.0) * _SHADES) for one in numbers]
    return [(row[0], 0), *zip(row[1:], shades, strict=True)] if row else []


def _per_class(facts: RunFacts, most: int) -> dict[str, Any]:
    """The table of classes: of more than `most` those with the lowest F1."""
    found = {
        name: one for name, one in facts.of_summary("per_class").items() if isinstance(one, dict)
    }
    names = list(found)
    if len(names) > most:
        names.sort(key=lambda name: number(found[name].get("f1")))
    columns = list(found[names[0]]) if names else []
    return {
        "columns": columns,
        "rows": [(name, [found[name].get(column) for column in columns]) for name in names[:most]],
        "left_out": max(0, len(names) - most),
    }


def _splits(facts: RunFacts) -> list[dict[str, Any]]:
    """The splits of the data: files (at most 50 of each are named), bytes and hash."""
    data = facts.manifest.get("data")
    found = []
    for name, split in data.items() if isinstance(data, dict) else ():
        files = objects(split.get("files")) if isinstance(split, dict) else []
        sizes = [one["bytes"] for one in files if isinstance(one.get("bytes"), int)]
        found.append(
            {
                "name": name,
                "files": [without_secrets(str(one.get("path", "-"))) for one in files[:50]],
                "left_out": max(0, len(files) - 50),
                "bytes": sum(sizes) if sizes else None,
                "sha256": split.get("sha256") if isinstance(split, dict) else None,
            }
        )
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
