"""What is wrong with a recipe: where, and in which words."""

import json
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

Path = tuple[str | int, ...]
"""The keys and list numbers that lead to a value."""

_SHOWN = 60  # characters of a value that a message shows


class Spot(NamedTuple):
    """A place in the recipe's file, or the override that a value came from."""

    override: str
    """The key of `--set`; "" in the file."""
    line: int
    """From 1."""
    column: int
    """In characters, from 1."""


class Problem(NamedTuple):
    """One thing to mend."""

    spot: Spot
    path: Path
    """The key or value it is about."""
    text: str


def lines(problems: Iterable[Problem], filename: str) -> list[str]:
    """One line for each problem: those of the file by place, then those of the overrides."""
    ordered = dict.fromkeys(sorted(problems, key=lambda problem: problem.spot))
    return [
        f"{place(spot, filename)}: {text.removeprefix(f'{spot.override}: ')}"
        for spot, _, text in ordered
    ]


def place(spot: Spot, filename: str) -> str:
    """`FILE:LINE:COLUMN`, or `--set KEY`."""
    if spot.override:
        return f"--set {name(spot.override)}"
    return f"{filename}:{spot.line}:{spot.column}"


def dotted(path: Path) -> str:
    """`data.train.0`; the recipe itself is "the recipe"."""
    return ".".join(name(part) for part in path) or "the recipe"


def name(part: str | int) -> str:
    """A key as a message shows it: in one line, and not endless."""
    text = shown(str(part))[1:-1]
    return text if text else '""'


def shown(value: Any) -> str:
    """A value as a message shows it: in YAML's words, in one line, and not endless."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value}".replace("inf", ".inf").replace("nan", ".nan")
    if isinstance(value, str) and len(value) > _SHOWN:
        value = f"{value[:_SHOWN]}..."
    plain = isinstance(value, str) and value.isprintable()
    return json.dumps(value, ensure_ascii=not plain)
