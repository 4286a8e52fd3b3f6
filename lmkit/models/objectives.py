"""What training makes small in a classifier, summed over the rows of a batch.

Each is called with logits, labels and the share of label smoothing. Rows with IGNORED (or, in a
regression, NaN) for a label are fillers and cost nothing. Shape letters: B rows, C classes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lmkit.labels import IGNORED


class CrossEntropy:
    """Of one label a row: sum over c of w_c q_c (1 - p_c)^gamma (-log p_c).

    q is 1 for the true class, or smoothed as in torch; gamma = 0 is the cross-entropy, above it the
    focal loss (Lin et al. 2017, equation 5, arXiv:1708.02002), w the weights of the classes.
    """

    def __init__(self, weights: Sequence[float] | None = None, gamma: float = 0.0) -> None:
        self._weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        self._gamma = gamma

    def __call__(self, logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """From (B, C) and class ids (B,) to a scalar."""
        options: dict[str, Any] = {"ignore_index": IGNORED, "reduction": "sum"}
        weights = None if self._weights is None else self._weights.to(logits.device)
        if not self._gamma:
            return functional.cross_entropy(
                logits, labels, weights, label_smoothing=label_smoothing, **options
            )
        counted = labels != IGNORED  # (B,)
        log_p = logits.log_softmax(-1)
        target = functional.one_hot(labels.clamp(min=0), logits.shape[-1]).to(log_p.dtype)
        target = target * (1 - label_smoothing) + label_smoothing / logits.shape[-1]
        costs = target * _one_less(log_p) ** self._gamma * -log_p  # (B, C)
        if weights is not None:
            costs = costs * weights
        return (costs.sum(-1) * counted).sum()


class BinaryCrossEntropy:
    """Of any number of labels a row, each for itself yes or no.

    For each label, sum over yes and no of q (1 - p)^gamma (-log p), that of yes times the label's
    weight (`pos_weight` of torch); q, p and gamma as in `CrossEntropy`.
    """

    def __init__(self, weights: Sequence[float] | None = None, gamma: float = 0.0) -> None:
        self._weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        self._gamma = gamma

    def __call__(self, logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """From (B, C) and 0 or 1 for each label (B, C) to a scalar."""
        counted = labels != IGNORED  # (B, C)
        target = labels * (1 - label_smoothing) + label_smoothing / 2
        yes, no = functional.logsigmoid(logits), functional.logsigmoid(-logits)
        costs_yes, costs_no = -yes, -no
        if self._gamma:
            costs_yes = costs_yes * _one_less(yes) ** self._gamma
            costs_no = costs_no * _one_less(no) ** self._gamma
        if self._weights is not None:
            costs_yes = costs_yes * self._weights.to(logits.device)
        costs = target * costs_yes + (1 - target) * costs_no
        return (costs * counted).sum()


class SquaredError:
    """Of a number a row: (prediction - number)^2."""

    def __call__(self, logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """From (B, 1) and numbers (B,) to a scalar."""
        assert not label_smoothing, "the recipe refuses it"
        counted = ~labels.isnan()
        errors = logits[:, 0] - labels.nan_to_num()
        return (errors**2 * counted).sum()


def _one_less(log_p: Tensor) -> Tensor:
    """1 - p from log p; never 0, where a power below 1 would have no gradient."""
    return -torch.expm1(log_p.clamp(max=-1e-7))
