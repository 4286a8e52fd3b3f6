"""Calibration and thresholds, against torchmetrics' definition by hand and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, f1_score, precision_recall_fscore_support

from lmkit.evaluation.reliability import BINS, calibration, threshold_sweep

DRAWN = np.random.default_rng(5)
SHARES, TRUE = DRAWN.uniform(0.001, 0.999, 400), DRAWN.integers(0, 2, 400)


def test_the_curve_is_that_of_scikit_learn():
    table, curve = calibration(SHARES, TRUE, "x")
    came, mean = calibration_curve(TRUE, SHARES, n_bins=BINS)
    assert np.array(curve.rows)[:, 1] == pytest.approx(came)
    assert np.array(curve.rows)[:, 0] == pytest.approx(mean)
    numbers = dict(table.rows)
    assert numbers["brier"] == pytest.approx(brier_score_loss(TRUE, SHARES))
    sizes = np.histogram(SHARES, np.linspace(0, 1, BINS + 1))[0]
    gaps = np.abs(came - mean)
    assert numbers["ece"] == pytest.approx((sizes[sizes > 0] * gaps).sum() / 400)
    assert numbers["mce"] == pytest.approx(gaps.max())


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30))
def test_the_expected_error_lies_between_that_of_one_bin_and_the_largest(pairs):
    shares, true = zip(*pairs, strict=True)
    numbers = dict(calibration(shares, true, "x")[0].rows)
    whole = abs(numbers["mean_probability"] - numbers["share_true"])
    assert whole - 1e-9 <= numbers["ece"] <= numbers["mce"] + 1e-9


def test_a_perfect_model_is_calibrated():
    table, curve = calibration([1.0, 1.0, 0.0], [1, 1, 0], "x")
    assert dict(table.rows)["ece"] == 0
    assert curve.rows == [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]


def test_two_labels_by_threshold():
    found = threshold_sweep(SHARES[:, None], TRUE[:, None], "`b` is given")
    assert list(found.columns) == ["threshold", "precision", "recall", "f1"]
    for threshold, *numbers in found.rows:
        wanted = precision_recall_fscore_support(
            TRUE, threshold <= SHARES, average="binary", zero_division=0
        )
        assert numbers == pytest.approx(wanted[:3])
    assert len(found.rows) == 19


def test_many_labels_by_threshold():
    shares, gold = SHARES.reshape(-1, 4), TRUE.reshape(-1, 4)
    for threshold, *numbers in threshold_sweep(shares, gold, "a label is given").rows:
        micro, macro = (
            f1_score(gold, shares >= threshold, average=how, zero_division=0)
            for how in ("micro", "macro")
        )
        assert numbers[2:] == pytest.approx([micro, macro])
