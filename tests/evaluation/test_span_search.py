"""The best spans against all spans, one by one; windows joined by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lmkit.evaluation.span_search import Span, WindowAnswers, best_spans, choose, window_answers

SCORES = st.floats(-50, 50).map(lambda value: round(value, 1))  # with ties


def by_hand(begins, ends, allowed, longest):
    """Every span there may be, the best first."""
    found = [
        (-(begins[i] + ends[j]), i, j)
        for i in range(len(begins))
        for j in range(i, min(i + longest, len(begins)))
        if allowed[i] and allowed[j]
    ]
    return [Span(-score, i, j) for score, i, j in sorted(found)]


@given(st.data(), st.integers(1, 12), st.integers(1, 15), st.integers(1, 30))
def test_they_are_the_best_of_all(data, length, longest, count):
    begins, ends = data.draw(arrays.arrays(np.float64, (2, length), elements=SCORES))
    allowed = data.draw(arrays.arrays(np.bool_, length))
    found = best_spans(begins, ends, allowed, longest=longest, count=count)
    wanted = by_hand(begins, ends, allowed, longest)
    assert [span.score for span in found] == [span.score for span in wanted[:count]]
    assert set(found) <= set(wanted)
    assert len(set(found)) == len(found)
    if wanted:
        (best,) = best_spans(begins, ends, allowed, longest=longest, count=1)
        assert best == wanted[0]


def test_of_a_batch_padding_takes_no_part():
    scores = torch.tensor([[5.0, 1, 2, 9, 9]])
    outputs = type("Outputs", (), {"start_logits": scores, "end_logits": scores})
    batch = {
        "begins": torch.tensor([[-1, 0, 4, -1, -1]]), "ends": torch.tensor([[-1, 3, 7, -1, -1]]),
        "null": torch.tensor([0]), "question": torch.tensor([3]),
    }  # fmt: skip
    (found,) = window_answers(outputs, batch, longest=5, count=9)
    assert found == WindowAnswers(3, 10.0, [(4.0, 4, 7), (3.0, 0, 7), (2.0, 0, 3)])


def test_a_span_of_two_windows_counts_once():
    windows = [
        WindowAnswers(0, 1.0, [(2.0, 5, 9)]),
        WindowAnswers(0, 0.5, [(3.0, 5, 9), (1, 0, 2)]),
    ]
    place, share = choose(windows, count=20, may_be_none=False, threshold=0.0)
    assert place == (5, 9)
    assert share == pytest.approx(math.exp(3) / (math.exp(3) + math.exp(1)))
    assert choose(windows, count=1, may_be_none=False, threshold=0.0).share == 1.0


@pytest.mark.parametrize(("threshold", "place"), [(-2.6, None), (-2.4, (5, 9))])
def test_no_answer_has_the_lowest_score_of_all_windows(threshold, place):
    windows = [WindowAnswers(0, 1.0, [(2.0, 5, 9)]), WindowAnswers(0, 0.5, [(3.0, 5, 9)])]
    found = choose(windows, count=20, may_be_none=True, threshold=threshold)
    assert found.place == place  # 0.5 - 3.0 = -2.5
    total = math.exp(3) + math.exp(0.5)
    assert found.share == pytest.approx(math.exp(3.0 if place else 0.5) / total)
