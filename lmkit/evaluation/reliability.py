"""Whether probabilities mean what they say: calibration, and what a threshold would do.

Shape letters: N answers (or rows), C labels, M bins.
"""

import numpy as np
from numpy.typing import ArrayLike

from lmkit.evaluation.detail import Detail
from lmkit.evaluation.tallies import Tallies, figures

BINS = 15  # as Guo et al. 2017 take
_STEPS = np.arange(1, 20) / 20  # thresholds 0.05 to 0.95


def calibration(told: ArrayLike, true: ArrayLike, what: str) -> list[Detail]:
    """How far probabilities lie from the shares that come true: the numbers, and the curve.

    ECE = sum over M bins of n_m / N * |share that is true in m - mean probability in m|, MCE the
    largest of these differences (Guo et al. 2017, equations 3 and 5, arXiv:1706.04599), M = 15 bins
    of equal width, (a, b]; Brier's score is the mean squared difference of probability and truth
    (Brier 1950).

    Args:
        told: probabilities, (N,), at least one.
        true: whether each came true, (N,).
        what: what they are of, for people: `the likeliest label`.
    """
    shares, right = np.asarray(told, float), np.asarray(true, float)
    bins = np.clip(np.ceil(shares * BINS).astype(np.int64) - 1, 0, BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    held = np.flatnonzero(count)
    mean = np.bincount(bins, weights=shares, minlength=BINS)[held] / count[held]
    came = np.bincount(bins, weights=right, minlength=BINS)[held] / count[held]
    gaps = np.abs(came - mean)
    numbers = {
        "ece": float((count[held] * gaps).sum() / len(shares)),
        "mce": float(gaps.max()),
        "brier": float(((shares - right) ** 2).mean()),
        "mean_probability": float(shares.mean()),
        "share_true": float(right.mean()),
    }
    return [
        Detail(
            "calibration", "Calibration",
            f"Of the probabilities of {what}. ece and mce: the mean and the largest difference of "
            f"the mean probability and the share that is true in {BINS} bins of equal width "
            "(arXiv:1706.04599), the mean by answers; few answers make both too large. brier: the "
            "mean squared difference of probability and truth.",
            "table", ["number", "value"], [list(pair) for pair in numbers.items()],
        ),
        Detail(
            "reliability", "Reliability curve",
            f"The share that is true by the mean probability of {what}, a point for each of "
            f"{BINS} bins of equal width that holds any; a calibrated model lies on the diagonal.",
            "line", ["probability", "share_true", "calibrated"],
            [[p, t, p] for p, t in zip(mean.tolist(), came.tolist(), strict=True)],
        ),
    ]  # fmt: skip


def threshold_sweep(told: ArrayLike, gold: ArrayLike, what: str) -> Detail:
    """Precision, recall and F1 by the probability from which on a label is given.

    Args:
        told: probabilities, (N, C).
        gold: which are true, (N, C).
        what: what is given, for people: ``the label `spam` ``.
    """
    shares, true = np.asarray(told, float), np.asarray(gold, bool)
    many = true.shape[1] > 1
    rows = []
    for threshold in _STEPS.tolist():
        given = shares >= threshold
        hits, there, all_given = (true & given).sum(0), true.sum(0), given.sum(0)  # (C,) each
        row = [threshold, _ratio(hits, all_given), _ratio(hits, there)]
        row.append(_ratio(2 * hits, there + all_given))
        if many:
            row.append(float(figures(Tallies(hits, there, all_given))["macro_f1"]))
        rows.append(row)
    best = max(rows, key=lambda row: row[3])
    return Detail(
        "thresholds", "Thresholds",
        f"Precision, recall and F1 where {what} from this probability on"
        + (", of the summed counts of all labels (macro_f1: the mean of the labels')" * many)
        + f". F1 is highest at {best[0]:g}; chosen on the data that is scored it looks too good "
        "there, so choose on other data.",
        "line", ["threshold", "precision", "recall", "f1", *(["macro_f1"] if many else [])], rows,
    )  # fmt: skip


def _ratio(above: ArrayLike, below: ArrayLike) -> float:
    """The quotient of two sums; 0 where there is nothing below, as scikit-learn's zero_division."""
    bottom = float(np.sum(below))
    return float(np.sum(above)) / bottom if bottom else 0.0
