"""Groups of the rows of a split: by the values of a column, or by where they come from."""

import json
import re
from array import array
from collections.abc import Iterable, Sequence
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
    kinds: dict[str, dict[str, str]] = {name: {} for name in columns}
    for row in source.rows():
        known.update(dict.fromkeys(row.values))
        for name, values in found.items():
            value = row.values.get(name)
            if isinstance(value, (int, float)):
                values.append(value)
            else:
                values.append(kinds[name].setdefault(text := _text(value), text))  # one object each
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
    """The rows by their `source` column; else by file, of more than 20 files by folder.

    A `source` that is another in nearly every row (an address) tells no groups and is passed over.
    """
    told, files, folders = (_Codes() for _ in range(3))
    for row in rows:
        if len(told.names) <= VALUES:
            told.add(_text(row.values.get(SOURCE)))
        file = _LINE.sub("", row.origin)
        if len(files.names) <= MOST:  # else they will not be told apart
            files.add(file)
        folders.add(_folder(file))
    if told.names.keys() - {_NONE} and len(told.names) <= VALUES:
        return told.groups()
    return (files if len(files.names) <= MOST else folders).groups()


class _Codes:
    """N names, many of them the same, each as a number."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self._of = array("q")

    def add(self, name: str) -> None:
        """The next name."""
        self._of.append(self.names.setdefault(name, len(self.names)))

    def groups(self) -> Groups:
        """The names in their order, of more than 20 the commonest and the rest together."""
        of = np.array(self._of, np.int64)
        counts, names = np.bincount(of, minlength=len(self.names)), list(self.names)
        kept = sorted(range(len(names)), key=lambda number: (-counts[number], names[number]))
        if len(names) > MOST:
            kept = kept[: MOST - 1]
        kept.sort(key=lambda number: names[number])
        place = np.full(len(names), len(kept))
        place[kept] = np.arange(len(kept))
        return Groups([*(names[number] for number in kept), _OTHER], place[of])


def _folder(file: str) -> str:
    """The folder of a file; of the embedded set, of which packages are folders, its name."""
    folder = file.rpartition("/")[0]
    if not folder and ":" in file:
        return f"{file.partition(':')[0]}:"
    return folder or "."


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
    codes = _Codes()
    for value in values:
        codes.add(value if isinstance(value, str) else _text(value))
    return codes.groups()
