"""What is told of a text: the kind of labels, and all that follows from it but the loss.

One class a kind (single_label.py, multi_label.py, regression.py). Shape letters: N rows of a split,
B rows of a batch, C classes, L logits a row.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Rows = dict[str, list[Any]]
Metrics = dict[str, float]
Intervals = dict[str, tuple[float, float]]


class Problem(ABC):
    """One kind of labels."""

    names: Sequence[str]
    """What the L logits stand for."""

    tried: Sequence[Any]
    """Answers that metrics of the evaluate library are tried on."""

    @abstractmethod
    def stack(self, labels: Sequence[Any]) -> Tensor:
        """The labels of B examples, or IGNORED for fillers, as one tensor."""

    @abstractmethod
    def counted(self, labels: Tensor) -> Tensor:
        """Which of B rows are no fillers, (B,)."""

    def items(self, labels: Tensor) -> int:
        """The predicted items of a batch: the divisor of the loss."""
        return int(self.counted(labels).sum())

    @abstractmethod
    def reduce(self, logits: Tensor, labels: Tensor) -> Rows:
        """All that `metrics` needs of (B, L) logits; no fillers are among the rows."""

    @abstractmethod
    def metrics(self, rows: Rows) -> Metrics:
        """The numbers of N rows, `loss` the first of them."""

    @abstractmethod
    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """95 % intervals of the metrics."""

    def given(self, answers: list[Any]) -> list[Any]:
        """N answers, predicted or true, as those metrics take them."""
        return answers

    def per_class(self, rows: Rows) -> dict[str, Metrics]:  # noqa: ARG002 - without classes none
        """Precision, recall, F1 and support of each class."""
        return {}

    @abstractmethod
    def answers(self, logits: Tensor) -> list[dict[str, Any]]:
        """What is told of each of B rows, as JSON knows it."""

    @abstractmethod
    def shown(self, answer: dict[str, Any]) -> str:
        """An answer in a few words, for people."""

    @abstractmethod
    def definition(self) -> str:
        """What the metrics mean."""

    @abstractmethod
    def constant(self, gold: NDArray[Any], rows: int) -> tuple[str, NDArray[np.float64]]:
        """A baseline's name and logits (rows, L): the same answer always.

        Args:
            gold: of the training rows, (N,) or (N, C).
            rows: how often to give it.
        """

    @abstractmethod
    def linear(
        self, train: Any, gold: NDArray[Any], scored: Any
    ) -> tuple[str, NDArray[np.float64]]:
        """A baseline's name and logits (M, L): a linear model of features.

        Args:
            train: sparse features of N rows.
            gold: of these rows, (N,) or (N, C).
            scored: sparse features of M rows.
        """
