"""Cleaned splits: transforms of every text, and filters of the training documents.

A split is read once to decide which of its rows are kept and to count; the cache keeps both as
`clean/<key>/`: `reasons.npy`, (N,) uint8, 0 for a row that is kept, else the number of the filter
(`judging.FILTERS`, from 1) that left it out; and the counts in `meta.json`. The key is a SHA-256
of the content of the split and of all that decides. Later passes transform again and look up.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lmkit.data.cache import Entry, cache_dir, entry
from lmkit.data.clean_libraries import check_libraries
from lmkit.data.clean_text import TextCleaner
from lmkit.data.cleaning_ledger import CleaningLedger
from lmkit.data.fingerprint import combined
from lmkit.data.judging import FILTERS, KEPT, Judge
from lmkit.data.rows import Row, Source, Splits
from lmkit.data.text_columns import TextColumns
from lmkit.errors import DataError
from lmkit.recipe.base import TaskOptions
from lmkit.recipe.cleaning import CleanSection

logger = logging.getLogger(__name__)

FORMAT = 2


class Reviewed(NamedTuple):
    """A row and what cleaning makes of it."""

    row: Row
    """As it was read."""
    cleaned: Row
    """With its texts after the transforms."""
    dropped: str | None
    """The key of the filter that leaves it out, or `blank`; None where it is kept."""


class Cleaned:
    """A split after cleaning: a `Source` around the one that reads it.

    Attributes:
        name: The split.
        source: What is cleaned.
    """

    def __init__(
        self,
        source: Source,
        section: CleanSection,
        *,
        columns: TextColumns,
        label_column: str | None = None,
        filters: bool = True,
        others: Sequence[Source] = (),
    ) -> None:
        """Nothing is read yet.

        Args:
            source: What is cleaned.
            section: How.
            columns: The texts that are transformed; rows keep all else.
            label_column: What duplicates should agree in, if there is one.
            filters: Whether documents are left out by more than being blank.
            others: The splits that are scored, for `drop_leaks`.
        """
        self.name = source.name
        self.source = source
        self._section = section
        self._columns = columns
        self._label_column = label_column
        self._filters = filters
        self._others = list(others) if filters and section.drop_leaks else []
        self._cleaner = TextCleaner(section)

    def rows(self) -> Iterator[Row]:
        """The rows that are kept, each with its texts transformed.

        Raises:
            DataError: something cannot be read, or nothing is left.
        """
        return (after for _, after in self.changes() if after is not None)

    def changes(self) -> Iterator[tuple[Row, Row | None]]:
        """Every row that was read, and what is made of it; None where it is left out."""
        for row, cleaned, dropped in self.review():
            yield row, cleaned if dropped is None else None

    def review(self) -> Iterator[Reviewed]:
        """Every row that was read, those too that are left out, with what becomes of it."""
        reasons = np.load(self._judged.folder / "reasons.npy", mmap_mode="r")
        for row, reason in zip(self.source.rows(), memoryview(reasons), strict=True):
            cleaned = Row(self._columns.changed(row.values, self._cleaner), row.origin)
            yield Reviewed(row, cleaned, FILTERS[reason - 1] if reason != KEPT else None)

    @property
    def ledger(self) -> CleaningLedger:
        """What was changed and left out.

        Raises:
            DataError: something cannot be read, or nothing is left.
        """
        return CleaningLedger(**self._judged.meta["ledger"])

    @cached_property
    def _fingerprint(self) -> str:
        others = [other.fingerprint() for other in self._others]
        return combined(["cleaned", FORMAT, self.source.fingerprint(), self._identity(), others])

    def fingerprint(self) -> str:
        """That of the source, with all that decides what becomes of it."""
        return self._fingerprint

    def describe(self) -> list[dict[str, Any]]:
        """The source's files."""
        return self.source.describe()

    def _identity(self) -> list[Any]:
        """All that decides which texts there are, but for the texts themselves."""
        filters: dict[str, Any] = {}
        if self._filters:
            names = {*FILTERS, "near_threshold", "near_units", "near_ngram"}
            filters = self._section.model_dump(include=names, exclude_defaults=True)
            if self._section.language is not None:
                filters["language"] = [*sorted(self._section.language), version("py3langid")]
            if self._section.duplicates == "near":
                filters["near"] = version("datasketch")
        return [self._columns, self._cleaner.identity(), filters]

    @cached_property
    def _judged(self) -> Entry:
        """The entry of the cache, made now if it is not there; told in a line."""
        key = combined([self._fingerprint, self._label_column])
        made = entry(cache_dir() / "clean" / key, self._write)
        ledger = CleaningLedger(**made.meta["ledger"])
        state = "hit" if made.hit else "miss"
        logger.info("%s: cleaned (%s %s): %s", self.name, state, key[:12], ledger.line())
        if ledger.conflicting_labels:
            logger.warning(
                "%s data: %d duplicates that are left out have another label than the one that is "
                "kept (the first: row %d)",
                self.name, ledger.conflicting_labels, made.meta["first_conflict"] + 1,
            )  # fmt: skip
        return made

    def _write(self, folder: Path) -> dict[str, Any]:
        """Read everything once and fill the entry."""
        judge = Judge(
            self._cleaner, self._section if self._filters else None,
            columns=self._columns, label_column=self._label_column,
        )  # fmt: skip
        reasons, ledger, conflict = judge.judge(self.source, self._others)
        if not ledger.documents_out:
            raise DataError(
                f"{self.name} data: cleaning leaves nothing: {ledger.line()}; loosen data.clean"
            )
        np.save(folder / "reasons.npy", reasons)
        return {"format": FORMAT, "first_conflict": conflict, "ledger": ledger.as_json()}


def clean_parts(
    parts: Sequence[Source],
    scored: Sequence[Source | None],
    section: CleanSection,
    options: TaskOptions,
) -> tuple[list[Source], list[Source | None]]:
    """The splits after cleaning: every text transformed, training documents filtered.

    Args:
        parts: the training split, or the parts of a mixture; duplicates are looked for in each by
            itself, since an epoch may read parts several times.
        scored: the splits that are scored, or None.
        section: how.
        options: the task.

    Raises:
        DataError: nothing is left of one.
    """
    clean_scored = [
        None if source is None else _cleaned(source, section, options, filters=False)
        for source in scored
    ]
    others = [source for source in clean_scored if source is not None]
    clean_train = [_cleaned(part, section, options, filters=True, others=others) for part in parts]
    for source in (*clean_train, *others):
        next(source.rows())  # judged now, and told
    return list(clean_train), list(clean_scored)


def clean_as_trained(source: Source, section: CleanSection | None, options: TaskOptions) -> Source:
    """Data of a user's own, transformed as those that a run was trained on; nothing is filtered.

    Raises:
        MissingExtraError: a library that the run was cleaned with is not installed.
        DataError: nothing is left.
    """
    if section is None or not section.is_active:
        return source
    check_libraries(section, filters=False)
    return _cleaned(source, section, options, filters=False)


def cleaning_ledgers(splits: Splits) -> dict[str, dict[str, Any]]:
    """The ledger of each split that is cleaned, by its name; of `train` before any is held out."""
    return {
        cleaned.name: cleaned.ledger.as_json()
        for source in splits
        for cleaned in cleaned_within(source)
    }


def cleaned_within(source: Any) -> Iterator[Cleaned]:
    """What is cleaned in a source: itself, or what it is a part of or made of."""
    if isinstance(source, Cleaned):
        yield source
    elif source is not None:
        yield from cleaned_within(getattr(source, "source", None))
        for part in getattr(source, "parts", ()):
            yield from cleaned_within(part)


def _cleaned(
    source: Source, section: CleanSection, options: TaskOptions, *, filters: bool,
    others: Sequence[Source] = (),
) -> Cleaned:  # fmt: skip
    return Cleaned(
        source, section, columns=TextColumns.of(options),
        label_column=getattr(options, "label_column", None), filters=filters, others=others,
    )  # fmt: skip
