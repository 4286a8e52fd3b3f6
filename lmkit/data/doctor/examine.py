"""One pass over each split: counts, lengths, hashes, and a tally for each kind of trouble in a row.

Memory is flat but for some 30 bytes a row (hashes, a length, a label). What follows from the
whole, as copies and labels, is told in verdict.py.
"""

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lmkit.data.doctor.copies import Contents, content_of, label_of, numbered
from lmkit.data.doctor.findings import Tally
from lmkit.data.doctor.lengths import Lengths, measure
from lmkit.data.doctor.structure import Check, Values, structure_of
from lmkit.data.doctor.text_signs import text_signs
from lmkit.data.refusals import Refusals, keeping_refusals
from lmkit.data.rows import Row, Source, texts_in
from lmkit.errors import DataError

SAMPLE_BYTES = 20_000_000
"""Text of a split that is tokenized for its lengths; of more, rows are drawn by their hash."""
_BATCH = 256  # texts tokenized at a time

Tokenize = Callable[[list[str]], list[int]]
"""The tokens of each text."""


@dataclass(frozen=True)
class View:
    """What of a row matters to a task."""

    text_column: str | None
    label_column: str | None
    limit: int | None = None
    """`max_length` or `block_size`, in tokens."""
    tokenize: Tokenize | None = None
    """None: lengths are counted in characters."""
    known: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    """The tokens of each document of a split, where they are known."""
    tokens_column: str | None = None
    """The column of words, where rows may bring these instead of a text."""
    structure: Callable[[Values], tuple[str, Check] | None] = structure_of
    """The kind of finding and the check for rows with such columns; None where none fits."""


@dataclass
class Examined:
    """What the pass over one split found."""

    source: Source
    rows: int = 0
    bytes: int = 0
    """UTF-8 bytes of the texts."""
    contents: Contents = field(default_factory=Contents)
    characters: "array[int]" = field(default_factory=lambda: array("q"))
    labels: Counter[str] = field(default_factory=Counter)
    label_numbers: "array[int]" = field(default_factory=lambda: array("i"))
    first_with_label: dict[str, list[str]] = field(default_factory=dict)
    """Where the first rows of each label stand."""
    columns: list[str] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    refusals: Refusals = field(default_factory=Refusals)
    lengths: Lengths | None = None
    """None where there is no row."""
    tokens: int | None = None
    tokens_from: int = 0
    """Rows that `tokens` was counted from; fewer than `rows` where it is an estimate."""

    @property
    def name(self) -> str:
        """The split."""
        return self.source.name

    def as_dict(self) -> dict[str, Any]:
        """The facts as JSON knows them."""
        found: dict[str, Any] = {
            "rows": self.rows,
            "bytes": self.bytes,
            "tokens": self.tokens,
            "tokens_estimated": self.tokens is not None and self.tokens_from < self.rows,
            "columns": self.columns,
            "lengths": self.lengths.as_dict() if self.lengths else None,
        }
        if self.labels:
            name, count = self.labels.most_common(1)[0]
            share = round(count / self.labels.total(), 6)
            found["labels"] = dict(sorted(self.labels.items(), key=lambda item: -item[1]))
            found["majority"] = {"label": name, "share": share}
        return found


def examine(sources: Sequence[Source], view: View) -> list[Examined]:
    """Read every split once, past the rows that cannot be read.

    Raises:
        DataError: nothing can be read in any of them: the first reason.
    """
    numbers: dict[str | None, int] = {}
    found = [_Pass(source, view, numbers).run() for source in sources]
    if not any(split.rows for split in found):
        raise next(error for split in found for error in split.refusals.errors)
    return found


def texts_of(row: Row, text_column: str | None, tokens_column: str | None = None) -> list[str]:
    """The text of a row: its text column, or its words; else every text in it, however deep."""
    words = row.values.get(tokens_column) if tokens_column is not None else None
    if isinstance(words, list):
        return [" ".join(map(str, words))]
    text = row.values.get(text_column) if text_column is not None else None
    if isinstance(text, str):
        return [text]
    return list(texts_in(row.values)) if text_column is None else []


class _Pass:
    """The pass over one split."""

    def __init__(self, source: Source, view: View, numbers: dict[str | None, int]) -> None:
        self.found = Examined(source)
        self.view = view
        self.numbers = numbers
        self.check: tuple[str, Check] | None = None
        self.counted: array[int] = array("q")
        self.counted_bytes = 0
        self.batch: list[str] = []
        self.below = 0
        self.most = math.inf
        if view.tokenize is not None and source.name not in view.known:
            size = sum(file.get("bytes", 0) for file in source.describe())  # of a hub set: unknown
            self.below = round(min(1.0, SAMPLE_BYTES / max(size, 1)) * 2**64)
            self.most = math.inf if size else SAMPLE_BYTES

    def run(self) -> Examined:
        """Read, then sum up."""
        found = self.found
        with keeping_refusals() as refusals:
            try:
                for row in found.source.rows():
                    self._row(row)
            except DataError as error:
                if not refusals.errors or found.rows:
                    refusals.add(error, str(error).partition(": ")[0])
        found.refusals = refusals
        self._count()
        self._sum_up()
        return found

    def _row(self, row: Row) -> None:
        found, view = self.found, self.view
        if not found.rows:
            found.columns = [str(name) for name in row.values]
            self.check = view.structure(row.values)
        found.rows += 1
        found.contents.add(content_of(row, view.text_column))
        self._columns(row)
        texts = texts_of(row, view.text_column, view.tokens_column)
        size = sum(map(_size, texts))
        found.bytes += size
        found.characters.append(sum(map(len, texts)))
        for kind in {kind for text in texts for kind in text_signs(text)}:
            found.tallies[kind].add(row.origin)
        if self.check is not None and (problem := self.check[1](row.values)):
            found.tallies[self.check[0]].add(row.origin, problem)
        if found.contents.exact[-1] < self.below and self.counted_bytes < self.most:
            self.counted_bytes += size
            self.batch.append("\n".join(texts))
            if len(self.batch) == _BATCH:
                self._count()

    def _columns(self, row: Row) -> None:
        """Columns that are not there or hold nothing, and the label."""
        found, view = self.found, self.view
        has_words = isinstance(row.values.get(str(view.tokens_column)), list)
        for name in (view.text_column, view.label_column):
            if name is None or (name == view.text_column and has_words):
                continue
            if name not in row.values:
                found.tallies[f"missing_column:{name}"].add(row.origin)
            elif (value := row.values[name]) is None or not str(value).strip():
                found.tallies[f"missing_value:{name}"].add(row.origin)
            elif name == view.text_column and not isinstance(value, str):
                found.tallies[f"not_text:{name}"].add(row.origin)
        if view.label_column is not None:
            label = label_of(row, view.label_column)
            if label is not None and label.strip():
                found.labels[label] += 1
                first = found.first_with_label.setdefault(label, [])
                if len(first) < 10:
                    first.append(row.origin)
            found.label_numbers.append(numbered(label, self.numbers))

    def _count(self) -> None:
        """The tokens of the texts that were gathered."""
        if self.batch and self.view.tokenize is not None:
            self.counted.extend(self.view.tokenize(self.batch))
        self.batch = []

    def _sum_up(self) -> None:
        """Lengths in tokens where they are known or were counted, else in characters."""
        found, view = self.found, self.view
        if not found.rows:
            return
        known = view.known.get(found.name)
        if known is not None:
            found.lengths = measure(np.asarray(known, dtype=np.int64), "tokens", view.limit)
            found.tokens, found.tokens_from = int(known.sum()), found.rows
        elif self.counted:
            counted = np.frombuffer(self.counted, dtype=np.int64)
            found.lengths = measure(counted, "tokens", view.limit)
            found.tokens_from = len(counted)
            scale = found.bytes / max(self.counted_bytes, 1)
            whole = len(counted) == found.rows
            found.tokens = int(counted.sum()) if whole else round(int(counted.sum()) * scale)
        else:
            characters = np.frombuffer(found.characters, dtype=np.int64)
            found.lengths = measure(characters, "characters", None)


def _size(text: str) -> int:
    """UTF-8 bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
