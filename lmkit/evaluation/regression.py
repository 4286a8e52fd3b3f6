"""A number on a scale for each text: its metrics. Shape letters as in problem.py."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmkit.evaluation.interval import bootstrap_sums, fisher
from lmkit.evaluation.problem import Intervals, Metrics, Problem, Rows
from lmkit.evaluation.ranking import pearson, spearman
from lmkit.evaluation.tfidf import ridge


class Regression(Problem):
    """One logit a row, which is the number."""

    tried = (0.0, 0.5, 1.0, 3.0)

    def __init__(self, name: str) -> None:
        """Take the name of the number, that of its column."""
        self.names = [name]

    def stack(self, labels: Sequence[Any]) -> Tensor:
        """Numbers, float32 (B,); NaN for a filler, which alone is an integer."""
        values = [math.nan if isinstance(label, int) else label for label in labels]
        return torch.tensor(values, dtype=torch.float32)

    def counted(self, labels: Tensor) -> Tensor:
        """Those that are not NaN."""
        return ~labels.isnan()

    def reduce(self, logits: Tensor, labels: Tensor) -> Rows:
        """The number that is told, beside the true one and the squared difference."""
        told, gold = logits[:, 0].double(), labels.double()
        return {
            "nll": ((told - gold) ** 2).tolist(),
            "count": [1] * len(gold),
            "predicted": told.tolist(),
            "gold": gold.tolist(),
        }

    def metrics(self, rows: Rows) -> Metrics:
        """The mean squared error (which is the loss), and correlations in [-1, 1]."""
        error = math.fsum(rows["nll"]) / sum(rows["count"])
        told, gold = rows["predicted"], rows["gold"]
        return {
            "loss": error, "mse": error,
            "pearson": pearson(told, gold), "spearman": spearman(told, gold),
        }  # fmt: skip

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """Fisher's for Spearman's correlation, a bootstrap over the rows for the others."""
        told, gold = np.asarray(rows["predicted"]), np.asarray(rows["gold"])  # (N,), (N,)
        x, y = told - told.mean(), gold - gold.mean()  # near 0, so that squares cancel little
        units = np.stack([np.ones(len(x)), (told - gold) ** 2, x, y, x * x, y * y, x * y], axis=1)
        found = bootstrap_sums(_from_sums, units, np.ones(len(x)), seed)
        if (ends := fisher(spearman(told, gold), len(x), ranks=True)) is not None:
            found["spearman"] = ends
        return found

    def answers(self, logits: Tensor) -> list[dict[str, Any]]:
        """The number of each row, by the name of its column."""
        return [{"score": value} for value in logits[:, 0].double().tolist()]

    def shown(self, answer: dict[str, Any]) -> str:
        """The number."""
        return f"{answer['score']:8.3f}"

    def constant(self, gold: NDArray[Any], rows: int) -> tuple[str, NDArray[np.float64]]:
        """The mean."""
        return "mean", np.full((rows, 1), gold.mean())

    def linear(
        self, train: Any, gold: NDArray[Any], scored: Any
    ) -> tuple[str, NDArray[np.float64]]:
        """Ridge regression."""
        return "tfidf_ridge", ridge(train, gold, scored)

    def definition(self) -> str:
        """What the metrics mean."""
        return (
            f"loss and mse: the mean squared difference between the model's `{self.names[0]}` and "
            "the true one; pearson and spearman: correlations of the two, of the numbers and of "
            "their ranks."
        )


def _from_sums(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Error and Pearson's correlation of (R, 7) sums over rows; NaN where one side is constant."""
    rows, errors, x, y, xx, yy, xy = sums.T  # (R,) each
    below = np.sqrt(np.maximum((rows * xx - x * x) * (rows * yy - y * y), 0))
    undefined = np.full_like(below, np.nan)
    correlation = np.divide(rows * xy - x * y, below, out=undefined, where=below > 0)
    return {"loss": errors / rows, "mse": errors / rows, "pearson": correlation}
