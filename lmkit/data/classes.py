"""The labels of a classification set: found in its rows, and looked up in them."""

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmkit.data.doctor.labels import alike
from lmkit.data.rows import Row, Source, column, label, number, several
from lmkit.errors import DataError
from lmkit.recipe.nearest import did_you_mean

NUMBERS = "a regression learns numbers (for labels: task.problem: single_label)"
"""What a message says of a label that is no number."""

logger = logging.getLogger(__name__)

_FRACTION = re.compile(r"[-+]?\d*\.\d*[1-9]\d*")
_NAMED = 20  # labels that a message lists
_MANY = 50  # labels from which on the column may not be one of labels at all


@dataclass(frozen=True)
class LabelColumn:
    """Where the labels of a row stand, and whether there is one or any number of them."""

    name: str
    many: bool = False
    separator: str | None = None
    """What stands between the labels of a text, where there are many; None: it is a JSON list."""

    def names(self, row: Row) -> list[str]:
        """The labels of a row: exactly one, or (`many`) each once.

        Raises:
            DataError: the column is not there, or does not hold labels.
        """
        return several(row, self.name, self.separator) if self.many else [label(row, self.name)]


class Classes:
    """C labels by their ids, and the column of a row that holds one or some of them."""

    def __init__(self, names: Sequence[str], labels: LabelColumn) -> None:
        self.names = list(names)
        self._ids = {name: number for number, name in enumerate(self.names)}
        self._labels = labels

    def __len__(self) -> int:
        return len(self.names)

    def id(self, row: Row) -> int:
        """The class of a row, in [0, C).

        Raises:
            DataError: the label is missing, or none of the C.
        """
        return self._ids_of(row)[0]

    def hot(self, row: Row) -> NDArray[np.float32]:
        """1 for each label of a row, 0 for the others, (C,).

        Raises:
            DataError: the labels are missing, or one is none of the C.
        """
        found = np.zeros(len(self), np.float32)
        found[self._ids_of(row)] = 1
        return found

    def count(self, source: Source) -> tuple[Counter[str], int]:
        """How many rows have each label, and how many rows there are.

        Raises:
            DataError: as `id`.
        """
        counts, rows = Counter(dict.fromkeys(self.names, 0)), 0
        for row in source.rows():
            counts.update(self.names[number] for number in self._ids_of(row))
            rows += 1
        return counts, rows

    def _ids_of(self, row: Row) -> list[int]:
        names = self._labels.names(row)
        for name in names:
            if name not in self._ids:
                raise DataError(
                    f"{row.origin}: the label `{name}` is none of those that are learned: "
                    f"{_listed(self.names)}{did_you_mean(name, self.names)}; mend or leave out the "
                    "row, or name every label in task.labels"
                )
        return [self._ids[name] for name in names]


def find_labels(
    train: Source, text_columns: Sequence[str], labels: LabelColumn
) -> tuple[Counter[str], int]:
    """The labels of the training data with their rows, sorted as text; and how many rows there are.

    Raises:
        DataError: a text or label is missing, or the column does not hold labels that differ.
    """
    counts: Counter[str] = Counter()
    rows, first, differ = 0, None, False
    for row in train.rows():
        names = labels.names(row)
        for name in names:
            if _FRACTION.fullmatch(name):
                raise DataError(
                    f"{row.origin}: column `{labels.name}` holds the number {name}; a label is "
                    "text or a whole number, and numbers on a scale are not classes (for those: "
                    "task.problem: regression)"
                )
        for text_column in text_columns:
            column(row, text_column)
        counts.update(names)
        first, rows = names if first is None else first, rows + 1
        differ = differ or set(names) != set(first)
    if not differ:
        told = ", ".join(f"`{name}`" for name in first or ()) or "none"
        raise DataError(
            f"{train.name} data: every row has the label {told}; to tell labels apart takes two or "
            "more"
        )
    if len(counts) < 2:
        raise DataError(
            f"{train.name} data: `{next(iter(counts))}` is the only label; whether a text has it "
            "is a question with two answers: write both (`yes`, `no`) with task.problem: "
            "single_label"
        )
    if len(counts) > max(_MANY, rows / 2):
        logger.warning(
            "column `%s` holds %d labels in %d rows; is it the right one (task.label_column)?",
            labels.name, len(counts), rows,
        )  # fmt: skip
    for trouble in alike(counts):
        logger.warning("%s data: rows %s; write each label one way", train.name, trouble.message)
    logger.info("%d labels: %s", len(counts), _listed(sorted(counts)))
    return Counter({name: counts[name] for name in sorted(counts)}), rows


def balanced(
    counts: Mapping[str, int], rows: int, *, many: bool, power: float = 1.0
) -> dict[str, float]:
    """Weights by which each label counts the same in all; 1 for one that has no row.

    One label a row: rows / (labels x rows of the label), so that a row weighs 1 on average (as
    `balanced` of scikit-learn). Many: what the rows that have the label count against those that
    have not, rows without / rows with.

    Args:
        counts: rows of each label.
        rows: all rows.
        many: whether a row may have several labels.
        power: 1; or less, for weights nearer to 1 (of one label a row still 1 on average).
    """
    present = sum(count > 0 for count in counts.values())
    weights = {}
    for name, count in counts.items():
        above, below = (rows - count, count) if many else (rows, present * count)
        weights[name] = (above / below) ** power if above and below else 1.0
    if many or power == 1.0:
        return weights
    mean = sum(weights[name] * count for name, count in counts.items()) / rows
    return {name: weight / mean if counts[name] else 1.0 for name, weight in weights.items()}


def check_numbers(train: Source, text_columns: Sequence[str], label_column: str) -> None:
    """See that every training row has its texts and a number, and that the numbers differ.

    Raises:
        DataError: one has not, or they do not.
    """
    found: set[float] = set()
    for row in train.rows():
        for text_column in text_columns:
            column(row, text_column)
        value = number(row, label_column, NUMBERS)
        if len(found) < 2:
            found.add(value)
    if len(found) == 1:
        raise DataError(
            f"{train.name} data: every row has the number {found.pop():g} in column "
            f"`{label_column}`; there is nothing to tell apart"
        )


def _listed(names: Sequence[str]) -> str:
    """The names, or the first of them and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
