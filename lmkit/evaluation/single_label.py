"""One of C classes for each text: its metrics. Shape letters as in problem.py."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lmkit.evaluation.baselines import prior
from lmkit.evaluation.interval import bootstrap_ratio, bootstrap_sums, wilson
from lmkit.evaluation.problem import Intervals, Metrics, Problem, Rows
from lmkit.evaluation.ranking import macro_auroc, macro_auroc_interval
from lmkit.evaluation.tallies import Tallies, by_class, figures, matthews, of_classes
from lmkit.evaluation.tfidf import logistic
from lmkit.labels import IGNORED

DIGITS = 4
"""Decimals of the log odds that rank rows: what differs by rounding alone is a tie."""
_WIDTH = 12  # columns of a label that is shown


class SingleLabel(Problem):
    """A softmax over C classes."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.tried = range(len(self.names))

    def stack(self, labels: Sequence[Any]) -> Tensor:
        """Class ids, (B,)."""
        return torch.tensor(labels, dtype=torch.int64)

    def counted(self, labels: Tensor) -> Tensor:
        """Those that are not IGNORED."""
        return labels != IGNORED

    def reduce(self, logits: Tensor, labels: Tensor) -> Rows:
        """Negative log-likelihood of the true class, the likeliest class, the log odds of each."""
        log_p = logits.double().log_softmax(-1)  # (B, C)
        nll = functional.nll_loss(log_p, labels, reduction="none")
        return {
            "nll": nll.tolist(),
            "count": [1] * len(labels),
            "predicted": log_p.argmax(-1).tolist(),
            "gold": labels.tolist(),
            "odds": list(log_odds(log_p).numpy()),
        }

    def metrics(self, rows: Rows) -> Metrics:
        """Nats a row, then shares, Matthews' correlation and the area under the ROC curve."""
        tallies = of_classes(rows["gold"], rows["predicted"], len(self.names))
        found = _numbers(tallies) | {"auroc": macro_auroc(*self._ranked(rows))}
        loss = math.fsum(rows["nll"]) / sum(rows["count"])
        return {"loss": loss, **{name: float(value) for name, value in found.items()}}

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """Wilson's for the accuracy, DeLong's for the area, a bootstrap for the others."""
        gold, predicted = np.asarray(rows["gold"]), np.asarray(rows["predicted"])  # (N,), (N,)
        classes = len(self.names)
        cells, counts = np.unique(gold * classes + predicted, return_counts=True)
        identity = np.eye(classes)
        true, told = identity[cells // classes], identity[cells % classes]  # (U, C)
        drawn = bootstrap_sums(
            lambda sums: _numbers(Tallies(*np.split(sums, 3, axis=-1))),
            np.concatenate([true * told, true, told], axis=1), counts, seed,
        )  # fmt: skip
        found = {
            "loss": bootstrap_ratio(rows["nll"], rows["count"], seed),
            **drawn,
            "accuracy": wilson(float((gold == predicted).sum()), len(gold)),
            "auroc": macro_auroc_interval(*self._ranked(rows)),
        }
        return {name: ends for name, ends in found.items() if ends is not None}

    def per_class(self, rows: Rows) -> dict[str, Metrics]:
        """Precision, recall, F1 and support of each class."""
        return by_class(of_classes(rows["gold"], rows["predicted"], len(self.names)), self.names)

    def answers(self, logits: Tensor) -> list[dict[str, Any]]:
        """The likeliest `label` of each row, and the `scores` of all: probabilities by name."""
        shares = logits.double().softmax(-1)  # (B, C)
        return [
            {
                "label": self.names[int(np.argmax(row))],
                "scores": dict(zip(self.names, row, strict=True)),
            }
            for row in shares.tolist()
        ]

    def shown(self, answer: dict[str, Any]) -> str:
        """The label and its score."""
        return f"{answer['label']:<{_WIDTH}}  {answer['scores'][answer['label']]:.2f}"

    def constant(self, gold: NDArray[Any], rows: int) -> tuple[str, NDArray[np.float64]]:
        """The shares of the classes; the commonest is the likeliest."""
        return "majority", prior(np.bincount(gold, minlength=len(self.names)), rows)

    def linear(
        self, train: Any, gold: NDArray[Any], scored: Any
    ) -> tuple[str, NDArray[np.float64]]:
        """Logistic regression over all classes."""
        return "tfidf_logistic", logistic(train, gold, scored, len(self.names))

    def definition(self) -> str:
        """What the metrics mean."""
        return (
            "loss: nats a row, the summed negative log-likelihood of the true labels over the "
            f"rows; macro_f1, precision and recall: means over all {len(self.names)} labels, each "
            "counting the same (micro_f1: of the summed counts, weighted_f1: by rows); mcc: "
            "Matthews' correlation; auroc: the chance that a row of a label ranks above one of "
            "another, averaged over the labels."
        )

    def _ranked(self, rows: Rows) -> tuple[Any, Any]:
        """Whether each row has each class, and the log odds that it has, (N, C) both."""
        gold = np.asarray(rows["gold"])
        return gold[:, None] == np.arange(len(self.names)), np.asarray(rows["odds"])


def log_odds(log_p: Tensor) -> Tensor:
    """Rounded log p - log(1 - p) of (B, C), float32: it ranks as p does, also where p is near 1.

    There 1 - p is not taken from p, but summed over the other classes.
    """
    top = functional.one_hot(log_p.argmax(-1), log_p.shape[-1]).bool()  # (B, C)
    beside_top = log_p.masked_fill(top, -math.inf).logsumexp(-1, keepdim=True)  # (B, 1)
    rest = torch.where(top, beside_top, torch.log1p(-log_p.exp()))
    return (log_p - rest).round(decimals=DIGITS).float().cpu()


def _numbers(tallies: Tallies) -> dict[str, Any]:
    """All metrics that follow from the counts, each (...,)."""
    right, gold, _ = tallies
    accuracy = np.sum(right, axis=-1) / np.sum(gold, axis=-1)
    return {"accuracy": accuracy, **figures(tallies), "mcc": matthews(tallies)}
