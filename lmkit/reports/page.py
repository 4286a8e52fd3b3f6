"""The report of a run: one HTML file that opens anywhere and asks the network for nothing.

Every text comes from data and is hostile until it is escaped: Jinja escapes all of them, and a
Content-Security-Policy by hashes lets the browser run and load nothing but what is written here.
"""

import base64
import hashlib
import math
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lmkit import __version__
from lmkit.reports.facts import RunFacts, objects
from lmkit.reports.numbers import LONGEST, cut, figure, flat, number
from lmkit.reports.plots import Figure, curves, lines
from lmkit.secrets import without_secrets

HERE = Path(__file__).parent
MOST_BYTES = 2_000_000
"""Of a page."""
COLUMNS = 40
"""Columns of a table that are shown."""
_LIMITS = ((200, LONGEST), (50, 300), (10, 100))
"""Rows of a table and characters of a text that are shown: the first that make the page fit."""
_RECIPE = 100_000  # characters of a recipe that are shown
_SHADES = 9  # of a matrix


def render(facts: RunFacts) -> str:
    """The page of a run.

    Returns:
        HTML; where it would not fit in 2 MB, tables with fewer rows, and it says of how many.
    """
    text, figures = "", curves(facts.log)
    for rows, longest in _LIMITS:
        text = _rendered(facts, figures, rows, longest)
        if len(text.encode("utf-8")) < MOST_BYTES:
            break
    return text


def _rendered(facts: RunFacts, figures: Sequence[Figure], rows: int, longest: int) -> str:
    details = [_detail(one, rows) for one in facts.details]
    drawn = [*figures, *(one["figure"] for one in details if one["figure"] is not None)]
    style, script = _assets()
    text = _environment(longest).get_template("report.html.j2").render(
        facts=facts,
        rows=rows,
        train=facts.of_summary("train"),
        metrics=facts.of_summary("metrics"),
        intervals=facts.of_summary("intervals"),
        baselines=facts.of_summary("baselines"),
        verdict=facts.of_summary("against_baselines").get("text"),
        per_class=_per_class(facts, rows),
        curves=figures,
        details=details,
        splits=_splits(facts),
        command=without_secrets(str(facts.manifest.get("command", ""))),
        recipe=cut(without_secrets(facts.recipe), _RECIPE),
        style=style,
        script=script,
        policy=_policy(str(style), str(script)),
        figures=[one.drawn() for one in drawn],
        version=__version__,
    )  # fmt: skip
    # half of a surrogate pair, which JSON can hold, cannot be written
    return text.encode("utf-8", "replace").decode("utf-8")


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


@cache
def _environment(longest: int) -> Environment:
    """The templates, with filters that show at most so many characters of a text."""

    def pairs(value: Any) -> list[tuple[str, str]]:
        return [(path, without_secrets(text)) for path, text in flat(value, longest=longest)]

    made = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"figure": partial(figure, longest=longest), "cut": cut, "pairs": pairs}
    return made


@cache
def _assets() -> tuple[Markup, Markup]:
    """The style and the script of every page: files of lmkit, so no escaping."""
    style = "\n".join(_asset(name) for name in ("uplot/uPlot.min.css", "style.css"))
    script = "\n".join(_asset(name) for name in ("uplot/uPlot.iife.min.js", "charts.js"))
    return Markup(style), Markup(script)


def _asset(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing is loaded; what is run and how it looks is known by its hash."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
