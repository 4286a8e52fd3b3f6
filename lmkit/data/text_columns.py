"""Which texts a row is made of: the columns of its task, with what lists and messages say."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from lmkit.data.rows import Row
from lmkit.errors import DataError
from lmkit.recipe.base import TaskOptions

_SAID = ("content", "value", "text")
"""The keys of a mapping that hold what is said: messages, those of ShareGPT, named choices."""


class TextColumns(NamedTuple):
    """What of a row is text to a task."""

    texts: tuple[str, ...]
    """The columns of texts, lists of texts or messages; a row need not have all of them."""
    words: str | None = None
    """The column of a list of words, which a row may hold instead."""
    choices: str | None = None
    """The one of `texts` that may hold its list as JSON, as a CSV does."""
    answer: str | None = None
    """The column that may repeat one of the choices, and must go on doing so."""

    @classmethod
    def of(cls, options: TaskOptions) -> "TextColumns":
        """Those that the options of a task name."""
        names = ("tokens_column", "choices_column", "answer_column")
        return cls(options.text_columns, *(getattr(options, name, None) for name in names))

    def read(self, values: Mapping[str, Any]) -> list[str]:
        """The texts of a row in their order, blank ones too; its words are one text."""
        words = values.get(self.words) if self.words is not None else None
        if isinstance(words, list):
            return [" ".join(map(str, words))]
        return [text for name in self.texts for text in _read(self._value(values, name))]

    def changed(self, values: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
        """The values of a row with each of its texts changed; who says it, and names, stay."""
        made = dict(values)
        for name in self.texts:
            if name in values:
                made[name] = _changed(self._value(values, name), change)
        answer = values.get(self.answer) if self.answer is not None else None
        if isinstance(answer, str) and answer in _read(self._value(values, str(self.choices))):
            made[str(self.answer)] = change(answer)
        return made

    def _value(self, values: Mapping[str, Any], name: str) -> Any:
        """What a column holds; choices as the list that their JSON tells of."""
        value = values.get(name)
        if name == self.choices and isinstance(value, str) and value.lstrip().startswith("["):
            try:
                return json.loads(value)
            except ValueError:  # the task tells what is wrong with it
                return value
        return value


def changing(columns: TextColumns, change: Callable[[str], str]) -> Callable[[Row], Row]:
    """A function that changes the texts of a row.

    It raises a DataError where nothing is left of a text.
    """

    def changed(row: Row) -> Row:
        after = Row(columns.changed(row.values, change), row.origin)
        if any(map(is_lost, columns.read(row.values), columns.read(after.values))):
            raise DataError(
                f"{row.origin}: nothing is left of the text by the transforms that the "
                "model was trained with (data.clean in its recipe); leave the row out"
            )
        return after

    return changed


def is_lost(before: str, after: str) -> bool:
    """Whether a change left nothing of a text."""
    return bool(before.strip()) and not after.strip()


def _read(value: Any) -> Iterator[str]:
    """The texts that a column holds."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key in _SAID:
            yield from _read(value.get(key))
    elif isinstance(value, list):
        for item in value:
            yield from _read(item)


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    """The same value with those texts changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {k: _changed(item, change) if k in _SAID else item for k, item in value.items()}
    if isinstance(value, list):
        return [_changed(item, change) for item in value]
    return value
