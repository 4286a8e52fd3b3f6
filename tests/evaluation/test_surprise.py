"""Where a language model is surprised, against loops over single tokens."""

import math

import numpy as np
import pytest
import torch

from lmkit.evaluation.surprise import bits, by_context, context_curve, most_surprising
from lmkit.labels import IGNORED


def test_sums_by_context_whatever_the_batches():
    torch.manual_seed(0)
    nll, labels = torch.rand(6, 21), torch.randint(0, 9, (6, 21))
    labels[2, :7] = IGNORED
    labels[5, 3:] = IGNORED
    nll[labels == IGNORED] = 0
    wanted = {}
    for row in range(6):
        for place in range(21):
            if labels[row, place] != IGNORED:
                wanted.setdefault(int(math.log2(place + 1)), []).append(float(nll[row, place]))
    for size in (1, 4, 6):
        parts = []
        for start in range(0, 6, size):
            made = by_context(nll[start : start + size], labels[start : start + size])
            assert len(made) == len(labels[start : start + size])
            parts += made
        curve = context_curve(parts)
        assert curve.view == "line"
        assert [row[0] for row in curve.rows] == [1, 2, 4, 8, 16]
        means = [np.mean(wanted[k]) for k in range(5)]
        assert [row[1] for row in curve.rows] == pytest.approx(means, abs=1e-6)


def test_batches_of_other_lengths():
    short = by_context(torch.ones(1, 1), torch.ones(1, 1, dtype=torch.int64))
    long = by_context(torch.full((2, 4), 2.0), torch.ones(2, 4, dtype=torch.int64))
    assert context_curve([*short, *long]).rows == [[1, 5 / 3], [2, 2.0], [4, 2.0]]


def test_the_most_surprising_have_the_most_bits_a_byte():
    sizes = np.array([100, 200, 10, 50])
    assert most_surprising([100, 400, 900, 400], sizes, 3) == [3, 1, 0]
    assert most_surprising([8, 9], [4, 3], 5) == [1, 0]  # all are short
    assert most_surprising([1.0, 0.0], [0, 0], 5) == []
    assert bits(math.log(2)) == pytest.approx(1)
