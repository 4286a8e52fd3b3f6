"""The labels of a classification set: found in its rows, and looked up in them."""

import logging
import re
from collections import Counter
from collections.abc import Sequence

from lmkit.data.rows import Row, Source, column, label
from lmkit.errors import DataError
from lmkit.recipe.nearest import did_you_mean

logger = logging.getLogger(__name__)

_FRACTION = re.compile(r"[-+]?\d*\.\d*[1-9]\d*")
_NAMED = 20  # labels that a message lists
_MANY = 50  # labels from which on the column may not be one of labels at all


class Classes:
    """C labels by their ids, and the column of a row that holds one of them."""

    def __init__(self, names: Sequence[str], label_column: str) -> None:
        self.names = list(names)
        self._ids = {name: number for number, name in enumerate(self.names)}
        self._column = label_column

    def __len__(self) -> int:
        return len(self.names)

    def id(self, row: Row) -> int:
        """The class of a row, in [0, C).

        Raises:
            DataError: the label is missing, or none of the C.
        """
        name = label(row, self._column)
        if name not in self._ids:
            raise DataError(
                f"{row.origin}: the label `{name}` is none of those that are learned: "
                f"{_listed(self.names)}{did_you_mean(name, self.names)}; mend or leave out the "
                "row, or name every label in task.labels"
            )
        return self._ids[name]


def find_labels(train: Source, *, text_column: str, label_column: str) -> list[str]:
    """The labels of the training data, sorted as text.

    Raises:
        DataError: a text or label is missing, or the column does not hold labels of two classes.
    """
    counts: Counter[str] = Counter()
    for row in train.rows():
        name = label(row, label_column)
        if _FRACTION.fullmatch(name):
            raise DataError(
                f"{row.origin}: column `{label_column}` holds the number {name}; a label is text "
                "or a whole number, and numbers on a scale are not classes"
            )
        column(row, text_column)
        counts[name] += 1
    if len(counts) < 2:
        raise DataError(
            f"{train.name} data: every row has the label `{next(iter(counts))}`; to tell labels "
            "apart takes two or more"
        )
    names = sorted(counts)
    if len(names) > max(_MANY, counts.total() / 2):
        logger.warning(
            "column `%s` holds %d labels in %d rows; is it the right one (task.label_column)?",
            label_column, len(names), counts.total(),
        )  # fmt: skip
    logger.info("%d labels: %s", len(names), _listed(names))
    return names


def _listed(names: Sequence[str]) -> str:
    """The names, or the first of them and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
