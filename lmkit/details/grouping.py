"""Groups of the rows of a split: by the values of a column, or by where they come from."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from lmkit.data.sources import Row, Source
from lmkit.errors import UsageError
from lmkit.evaluation.slices import Groups, by_quantile
from lmkit.recipe.nearest import did_you_mean

MOST = 20
"""Groups that are told apart; the rarer ones are one group together."""
VALUES = 1000
"""Different texts that a column may hold, for memory and for sense."""
SOURCE = "source"
"""The column that says where a document comes from, where the data has one."""
_NONE, _OTHER = "(none)", "(other)"
_LONG = 60  # characters of a value
_LINE = re.compile(r"(:\d+|:row \d+|, question \d+)+$")


def column_groups(source: Source, columns: Sequence[str]) -> dict[str, Groups]:
    """The groups of a split's rows by each of some columns, from one pass.

    A column of many numbers is cut in quarters; of more than 20 texts the rarer ones are together.

    Raises:
        UsageError: no row has the column, or it holds more than 1,000 different texts.
    """
    if not columns:
        return {}
    found: dict[str, list[Any]] = {name: [] for name in columns}
    known: dict[str, None] = {}
    kinds: dict[str, set[str]] = {name: set() for name in columns}
    for row in source.rows():
        known.update(dict.fromkeys(row.values))
        for name, values in found.items():
            value = row.values.get(name)
            values.append(value if isinstance(value, (int, float)) else _text(value))
            if isinstance(values[-1], str):
                kinds[name].add(values[-1])
                if len(kinds[name]) > VALUES:
                    raise UsageError(
                        f"--slice {name}: {source.name} holds more than {VALUES} different texts "
                        "there; slice by a column of few values"
                    )
    for name in columns:
        if name not in known:
            raise UsageError(
                f"--slice {name}: {source.name} has no such column; it has "
                f"{', '.join(known)}{did_you_mean(name, known)}"
            )
    return {name: _of_values(values) for name, values in found.items()}


def source_groups(rows: Iterable[Row]) -> Groups:
    """The rows by their `source` column; else by file, of more than 20 files by folder."""
    columns: list[Any] = []
    files: list[str] = []
    for row in rows:
        columns.append(_text(row.values.get(SOURCE)))
        files.append(_LINE.sub("", row.origin))
    if any(value != _NONE for value in columns):
        return _of_values(columns)
    if len(set(files)) > MOST:
        files = [str(PurePath(file).parent) for file in files]
    return _of_values(files)


def _text(value: Any) -> str:
    """A value in a few words."""
    if value is None or value == "":
        return _NONE
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return " ".join(text.split())[:_LONG]


def _of_values(values: Sequence[Any]) -> Groups:
    """Groups of equal values, or of like numbers."""
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    missing = sum(value == _NONE for value in values)
    if len(numbers) + missing == len(values) and len(set(numbers)) > MOST:
        is_number = np.array([value != _NONE for value in values])
        quarters = by_quantile(numbers)
        of = np.full(len(values), len(quarters.names))
        of[is_number] = quarters.of
        return Groups([*quarters.names, _NONE], of)
    names = [value if isinstance(value, str) else _text(value) for value in values]
    counts = Counter(names)
    kept = sorted(counts)
    if len(kept) > MOST:
        kept = sorted(name for name, _ in counts.most_common(MOST - 1))
    place = {name: number for number, name in enumerate(kept)}
    of = np.array([place.get(name, len(kept)) for name in names], np.int64)
    return Groups([*kept, _OTHER], of)
