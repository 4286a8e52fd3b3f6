"""What is taken for what: the confusion matrix of C labels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lmkit.evaluation.detail import Detail

MOST = 40
"""Labels that a matrix shows."""


def confusion(names: Sequence[str], gold: ArrayLike, predicted: ArrayLike) -> Detail:
    """Rows by true and predicted label; of more than 40 labels, those with the most mistakes.

    Args:
        names: of the C labels.
        gold: the true ones, (N,) of 0 to C - 1.
        predicted: (N,).
    """
    true, told = np.asarray(gold, np.int64), np.asarray(predicted, np.int64)
    shown = np.arange(len(names))
    more = ""
    if len(names) > MOST:
        wrong = true != told
        mistakes = np.bincount(true[wrong], minlength=len(names))
        mistakes += np.bincount(told[wrong], minlength=len(names))
        shown = np.sort(np.argsort(-mistakes, kind="stable")[:MOST])
        more = f" Shown are the {MOST} of {len(names)} labels with the most mistakes."
    place = np.full(len(names), -1)
    place[shown] = np.arange(len(shown))
    inside = (place[true] >= 0) & (place[told] >= 0)
    cells = place[true[inside]] * len(shown) + place[told[inside]]
    counts = np.bincount(cells, minlength=len(shown) ** 2).reshape(len(shown), -1)
    return Detail(
        "confusion", "Confusion matrix",
        f"How many rows of each true label (down) got which label (across).{more}",
        "matrix", ["true", *(names[number] for number in shown.tolist())],
        [[names[at], *row] for at, row in zip(shown.tolist(), counts.tolist(), strict=True)],
    )  # fmt: skip
