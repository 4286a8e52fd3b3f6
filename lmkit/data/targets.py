"""What is read of the rows of a classification set: texts, and what is to be told of them.

One place for the three problems: a class id, 0 or 1 for each of C labels, or a number.
"""

import logging
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from lmkit.data.classes import NUMBERS, Classes, LabelColumn, balanced, check_numbers, find_labels
from lmkit.data.rows import Row, Source, column, number
from lmkit.errors import DataError
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.options.classification import ClassificationOptions

logger = logging.getLogger(__name__)

_POWERS = {"balanced": 1.0, "balanced_sqrt": 0.5}


class Targets:
    """The columns of a task, and the labels found in them."""

    def __init__(self, options: ClassificationOptions) -> None:
        self.options = options
        self.is_regression = options.problem == "regression"
        self.many = options.problem == "multi_label_classification"
        self._labels = LabelColumn(options.label_column, self.many, options.label_separator)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The column of the text, or of the two texts of a pair."""
        return self.options.text_columns

    @property
    def names(self) -> list[str]:
        """The C labels; of a number the column it stands in."""
        if self.is_regression:
            return [self.options.label_column]
        assert self.options.labels is not None, "resolve comes first"
        return self.options.labels

    @cached_property
    def classes(self) -> Classes:
        """The C labels, looked up in rows."""
        return Classes(self.names, self._labels)

    def texts(self, row: Row) -> tuple[str, ...]:
        """The text of a row, or its two.

        Raises:
            DataError: one is missing.
        """
        return tuple(column(row, name) for name in self.text_columns)

    def of(self, row: Row) -> Any:
        """A class id, 0 or 1 for each label (C,), or a number.

        Raises:
            DataError: the row has none, or a label that is not learned.
        """
        if self.is_regression:
            return number(row, self.options.label_column, NUMBERS)
        return self.classes.hot(row) if self.many else self.classes.id(row)

    def check(self, source: Source) -> None:
        """Read every row.

        Raises:
            DataError: as `texts` and `of`.
        """
        for row in source.rows():
            self.texts(row)
            self.of(row)

    def resolve(self, train: Source) -> ClassificationOptions:
        """The options with the labels of the training data, sorted as text, and their weights.

        Raises:
            DataError: a text or label is missing, or the column does not hold labels.
        """
        options = self.options
        given = options.class_weights
        power = _POWERS.get(given) if isinstance(given, str) else None
        if self.is_regression:
            check_numbers(train, self.text_columns, options.label_column)
            return options
        if options.labels is None:
            counts, rows = find_labels(train, self.text_columns, self._labels)
        else:
            self.check(train)
            if power is None:
                return options
            counts, rows = self.classes.count(train)
        written: dict[str, Any] = {"labels": list(counts)}
        if power is not None:
            weights = balanced(counts, rows, many=self.many, power=power)
            told = ", ".join(f"{name} {weight:.3g}" for name, weight in weights.items())
            logger.info("class weights: %s", told)
            written["class_weights"] = weights
        elif isinstance(given, dict):
            self._check_weights(given, list(counts))
        return options.model_copy(update=written)

    def _check_weights(self, weights: Iterable[str], names: Sequence[str]) -> None:
        """See that the weights are of labels that there are."""
        for name in weights:
            if name not in names:
                raise DataError(
                    f"task.class_weights: no training row has the label `{name}`"
                    f"{did_you_mean(name, names)}; the labels are {', '.join(names)}"
                )
