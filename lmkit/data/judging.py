"""The one pass over a split that decides which documents are kept, and counts."""

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmkit.data.clean_text import TextCleaner
from lmkit.data.cleaning_ledger import CleaningLedger
from lmkit.data.duplicates import Finder, finder
from lmkit.data.language import LanguageTeller
from lmkit.data.rows import Source
from lmkit.data.text_columns import TextColumns, is_lost
from lmkit.recipe.cleaning import CleanSection

FILTERS = ("blank", "drop", "min_length", "max_length", "language", "drop_leaks", "duplicates")
"""In the order in which they are asked; the reason for which a row is left out is 1 + its place."""
KEPT = 0
_REASON = {name: place for place, name in enumerate(FILTERS, start=1)}
_JOINT = "\n"  # between the texts of a row
_PENDING = 255  # until all are known: it may be a duplicate


class Judged(NamedTuple):
    """What the pass found. N: the rows of the split."""

    reasons: NDArray[np.uint8]
    """(N,): KEPT, or the number of the filter that left the row out."""
    ledger: CleaningLedger
    conflict: int | None
    """The first row (from 0) that was left out as a duplicate with another label."""


class Judge:
    """One pass over one split."""

    def __init__(
        self,
        cleaner: TextCleaner,
        section: CleanSection | None,
        *,
        columns: TextColumns,
        label_column: str | None,
    ) -> None:
        """Made for one use.

        Args:
            cleaner: the transforms.
            section: the filters; None where only blank documents are left out.
            columns: what they look at: the texts of a row, all together.
            label_column: what duplicates should agree in, if there is one.
        """
        self._cleaner = cleaner
        self._section = section
        self._columns = columns
        self._label_column = label_column
        self._changed = Counter({name: 0 for name, _ in cleaner.steps})
        self._patterns = [re.compile(pattern) for pattern in section.drop] if section else []
        self._teller: LanguageTeller | None = None
        self._finder: Finder | None = None
        if section is not None:
            self._teller = LanguageTeller(section.language) if section.language else None
            if section.duplicates or section.drop_leaks:
                self._finder = finder(section)
        self._lengths = array("q")  # of the texts that the finder has, in characters
        self._labels = array("q")
        self._names: dict[str, int] = {}

    def judge(self, source: Source, others: Sequence[Source]) -> Judged:
        """Read everything once.

        Args:
            source: the split, as it was read.
            others: splits that are scored, cleaned already: what they hold is a leak.
        """
        others_size = self._take(others)
        reasons = array("B")
        characters_in = characters_out = 0
        for row in source.rows():
            texts = self._columns.read(row.values)
            if not texts:  # whoever needs them tells of it
                reasons.append(KEPT)
                continue
            text = _JOINT.join(texts)
            cleaned, spoken, lost = self._clean(texts)
            reason = _REASON["blank"] if lost else self._reason(cleaned, spoken)
            if reason == KEPT and self._finder is not None:
                reason = _PENDING
                self._finder.add(cleaned)
                self._lengths.append(len(cleaned))
                self._labels.append(self._label(row.values))
            reasons.append(reason)
            characters_in += len(text)
            characters_out += len(cleaned) if reason == KEPT else 0
        found = np.array(reasons, dtype=np.uint8)
        conflicts = np.zeros(0, dtype=np.int64)
        if self._finder is not None:
            kept, conflicts = self._settle(found, self._finder.firsts(), others_size)
            characters_out += int(np.array(self._lengths, dtype=np.int64)[kept].sum())
        counts = np.bincount(found, minlength=len(FILTERS) + 1).tolist()
        ledger = CleaningLedger(
            len(found), characters_in, dict(self._changed),
            {name: counts[_REASON[name]] for name in self._filters()},
            len(conflicts), counts[KEPT], characters_out,
        )  # fmt: skip
        return Judged(found, ledger, int(conflicts[0]) if len(conflicts) else None)

    def _take(self, others: Sequence[Source]) -> int:
        """Give the finder what is scored; how many texts that were."""
        size = 0
        for other in others:
            for row in other.rows():
                texts = self._columns.read(row.values)
                if texts and self._finder is not None:
                    self._finder.add(_JOINT.join(texts))
                    size += 1
        return size

    def _clean(self, texts: list[str]) -> tuple[str, str, bool]:
        """A row's text after all transforms, and after those alone that leave its words whole.

        And whether nothing is left of one of its texts.
        """
        given = spoken = texts
        for name, transform in self._cleaner.steps:
            before, texts = texts, [transform(text) for text in texts]
            self._changed[name] += texts != before
            if name in ("html", "unicode"):
                spoken = texts
        return _JOINT.join(texts), _JOINT.join(spoken), any(map(is_lost, given, texts))

    def _reason(self, text: str, spoken: str) -> int:
        """The first filter that leaves a text out, duplicates aside."""
        section = self._section
        if not text.strip():
            return _REASON["blank"]
        if section is None:
            return KEPT
        if any(pattern.search(text) for pattern in self._patterns):
            return _REASON["drop"]
        if section.min_length is not None and len(text) < section.min_length:
            return _REASON["min_length"]
        if section.max_length is not None and len(text) > section.max_length:
            return _REASON["max_length"]
        if self._teller is not None and not self._teller.keeps(spoken):
            return _REASON["language"]
        return KEPT

    def _label(self, values: dict[str, object]) -> int:
        """A number for each label; -1 for none."""
        value = values.get(self._label_column) if self._label_column is not None else None
        return -1 if value is None else self._names.setdefault(str(value), len(self._names))

    def _settle(
        self, reasons: NDArray[np.uint8], firsts: NDArray[np.int64], others: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Decide on the pending rows, in place.

        Returns:
            Which of them are kept, and the rows of the duplicates that have another label.
        """
        rows = np.flatnonzero(reasons == _PENDING)
        first = firsts[others:] - others  # negative: it is what a scored split holds
        own = np.arange(len(rows))
        leaked, copied = first < 0, (first >= 0) & (first < own)
        if self._section is None or self._section.duplicates is None:
            copied[:] = False
        kept = ~leaked & ~copied
        reasons[rows] = KEPT
        reasons[rows[leaked]] = _REASON["drop_leaks"]
        reasons[rows[copied]] = _REASON["duplicates"]
        labels = np.array(self._labels, dtype=np.int64)
        differ = copied & (labels != labels[np.where(copied, first, own)])
        return kept, rows[differ]

    def _filters(self) -> Iterator[str]:
        """The keys of the filters that there are."""
        yield "blank"
        section = self._section
        for name in FILTERS[1:] if section is not None else ():
            if getattr(section, name):
                yield name
