"""Any number of C labels for each text: its metrics. Shape letters as in problem.py."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lmkit.evaluation.baselines import prior_odds
from lmkit.evaluation.interval import bootstrap_ratio, bootstrap_sums, wilson
from lmkit.evaluation.problem import Intervals, Metrics, Problem, Rows
from lmkit.evaluation.ranking import macro_auroc, macro_auroc_interval
from lmkit.evaluation.single_label import DIGITS
from lmkit.evaluation.tallies import Tallies, by_class, figures
from lmkit.evaluation.tfidf import logistic_each
from lmkit.labels import IGNORED


class MultiLabel(Problem):
    """C sigmoids; a label is given from a probability of `threshold` on."""

    def __init__(self, names: Sequence[str], threshold: float = 0.5) -> None:
        self.names = list(names)
        self.threshold = threshold
        self.tried = np.eye(len(self.names) + 1, len(self.names), dtype=int).tolist()

    def stack(self, labels: Sequence[Any]) -> Tensor:
        """0 or 1 for each label, (B, C); IGNORED all over for a filler."""
        return torch.from_numpy(np.stack(labels).astype(np.float32))

    def counted(self, labels: Tensor) -> Tensor:
        """Those that are not IGNORED."""
        return labels[:, 0] != IGNORED

    def items(self, labels: Tensor) -> int:
        """A yes or no for each label of each row."""
        return super().items(labels) * len(self.names)

    def reduce(self, logits: Tensor, labels: Tensor) -> Rows:
        """Summed negative log-likelihood of the C answers; those given, true, and the log odds."""
        wide = logits.double()  # (B, C) the log odds themselves
        costs = functional.binary_cross_entropy_with_logits(wide, labels.double(), reduction="none")
        return {
            "nll": costs.sum(-1).tolist(),
            "count": [len(self.names)] * len(labels),
            "predicted": list((wide.sigmoid() >= self.threshold).cpu().numpy()),
            "gold": list(labels.bool().cpu().numpy()),
            "odds": list(wide.round(decimals=DIGITS).float().cpu().numpy()),
        }

    def metrics(self, rows: Rows) -> Metrics:
        """Nats a yes or no, then shares, and the area under the ROC curve."""
        gold, predicted = np.asarray(rows["gold"]), np.asarray(rows["predicted"])  # (N, C)
        found = {
            "loss": math.fsum(rows["nll"]) / sum(rows["count"]),
            "subset_accuracy": (gold == predicted).all(-1).mean(),
            **figures(_tallies(gold, predicted)),
            "auroc": macro_auroc(gold, np.asarray(rows["odds"])),
        }
        return {name: float(value) for name, value in found.items()}

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """Wilson's for the subset accuracy, DeLong's for the area, a bootstrap over the rows."""
        gold, predicted = np.asarray(rows["gold"]), np.asarray(rows["predicted"])  # (N, C)
        units = np.concatenate([gold & predicted, gold, predicted], axis=1).astype(float)
        drawn = bootstrap_sums(
            lambda sums: figures(Tallies(*np.split(sums, 3, axis=-1))),
            units, np.ones(len(units)), seed,
        )  # fmt: skip
        right = (gold == predicted).all(-1).sum()
        found = {
            "loss": bootstrap_ratio(rows["nll"], rows["count"], seed),
            "subset_accuracy": wilson(float(right), len(gold)),
            **drawn,
            "auroc": macro_auroc_interval(gold, np.asarray(rows["odds"])),
        }
        return {name: ends for name, ends in found.items() if ends is not None}

    def given(self, answers: list[Any]) -> list[Any]:
        """A 0 or 1 for each label."""
        found: list[Any] = np.asarray(answers, int).tolist()
        return found

    def per_class(self, rows: Rows) -> dict[str, Metrics]:
        """Precision, recall, F1 and support of each label."""
        tallies = _tallies(np.asarray(rows["gold"]), np.asarray(rows["predicted"]))
        return by_class(tallies, self.names)

    def answers(self, logits: Tensor) -> list[dict[str, Any]]:
        """The `labels` that are given, the likeliest first, and the `scores` of all."""
        found = []
        for row in logits.double().sigmoid().tolist():
            scores = dict(zip(self.names, row, strict=True))
            given = [name for name, score in scores.items() if score >= self.threshold]
            given.sort(key=lambda name: -scores[name])
            found.append({"labels": given, "scores": scores})
        return found

    def shown(self, answer: dict[str, Any]) -> str:
        """The labels with their scores."""
        told = (f"{name} {answer['scores'][name]:.2f}" for name in answer["labels"])
        return ", ".join(told) or "(none)"

    def constant(self, gold: NDArray[Any], rows: int) -> tuple[str, NDArray[np.float64]]:
        """The share of each label; those that most rows have are given."""
        return "majority", prior_odds(gold.sum(0), len(gold), rows)

    def linear(
        self, train: Any, gold: NDArray[Any], scored: Any
    ) -> tuple[str, NDArray[np.float64]]:
        """Logistic regression for each label."""
        return "tfidf_logistic", logistic_each(train, gold, scored)

    def definition(self) -> str:
        """What the metrics mean."""
        return (
            "loss: nats a decision, the summed negative log-likelihood of yes or no for each label "
            "of each row over their number; a label is given from a probability of "
            f"{self.threshold:g} on; subset_accuracy: the share of rows with every label right; "
            f"macro_f1, precision and recall: means over all {len(self.names)} labels, each "
            "counting the same (micro_f1: of the summed counts, weighted_f1: by rows); auroc: the "
            "chance that a row with a label ranks above one without, averaged over the labels."
        )


def _tallies(gold: Any, predicted: Any) -> Tallies:
    """Counts of each label, of (N, C) booleans."""
    return Tallies((gold & predicted).sum(0), gold.sum(0), predicted.sum(0))
