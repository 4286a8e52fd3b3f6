"""Numbers and small values of a run in words."""

import math
from collections.abc import Mapping
from typing import Any

LONGEST = 1000
"""Characters of a text that a page shows."""
_LEVELS = 12  # of nested objects


def figure(value: Any, longest: int = LONGEST) -> str:
    """A number for people: thousands apart, four decimals or four digits; `-` for none."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**15 else f"{number(value):.4g}"
    if not isinstance(value, float):
        return cut(str(value), longest)
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if 0.01 <= abs(value) < 1000:
        return f"{value:.4f}"
    return f"{value:,.1f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"


def with_interval(value: Any, ends: Any) -> str:
    """A number and, where it has one, its interval: `0.5000 [0.4000, 0.6000]`."""
    return f"{figure(value)} [{figure(ends[0])}, {figure(ends[1])}]" if ends else figure(value)


def number(value: Any) -> float:
    """A value as a finite float; NaN where it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value) if math.isfinite(value) else math.nan
        except OverflowError:  # an integer may be too large for a float
            return math.nan
    return math.nan


def cut(value: Any, longest: int = LONGEST) -> str:
    """The beginning of a long text, and how much is left out."""
    text = str(value)
    if len(text) <= longest:
        return text
    return f"{text[:longest]}\N{HORIZONTAL ELLIPSIS} ({len(text) - longest:,} more characters)"


def flat(value: Any, path: str = "", longest: int = LONGEST) -> list[tuple[str, str]]:
    """The values of nested objects by their path (`data.train.sha256`), in words."""
    if isinstance(value, Mapping) and value and path.count(".") < _LEVELS:
        return [
            pair
            for key, below in value.items()
            for pair in flat(below, f"{path}.{key}" if path else str(key), longest)
        ]
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return [
            pair for at, below in enumerate(value) for pair in flat(below, f"{path}.{at}", longest)
        ]
    if isinstance(value, list):
        return [(path, cut(", ".join(figure(item) for item in value), longest))]
    return [(path, figure(value, longest))]
