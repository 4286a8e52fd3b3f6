"""Sums over documents, the three numbers made of them, and what happens at the edges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.errors import DataError
from lmkit.evaluation.perplexity import (
    causal_definition,
    causal_intervals,
    causal_metrics,
    documents,
    masked_definition,
    masked_intervals,
    masked_metrics,
    perplexity,
)

WINDOW = st.tuples(
    st.floats(0, 50), st.integers(1, 30), st.integers(0, 4), st.integers(0, 99), st.integers(0, 1)
)


def rows_of(windows):
    names = ("nll", "count", "document", "bytes", "correct")
    return dict(zip(names, map(list, zip(*windows, strict=True)), strict=True))


@given(st.lists(WINDOW, min_size=1, max_size=30))
def test_sums_are_those_of_a_plain_loop(windows):
    sums = documents(rows_of(windows))
    for place, name in enumerate(sorted({window[2] for window in windows})):
        own = [window for window in windows if window[2] == name]
        assert sums.nll[place] == pytest.approx(math.fsum(window[0] for window in own))
        assert sums.count[place] == sum(window[1] for window in own)
        assert sums.bytes[place] == sum(window[3] for window in own)
        assert sums.correct[place] == sum(window[4] for window in own)


@given(st.lists(WINDOW, min_size=1, max_size=30), st.randoms())
def test_the_cut_into_windows_does_not_matter(windows, random):
    shuffled = random.sample(windows, len(windows))
    assert causal_metrics(rows_of(shuffled)) == pytest.approx(causal_metrics(rows_of(windows)))


def test_a_uniform_model_has_the_vocabulary_as_perplexity():
    rows = rows_of([(3 * math.log(256), 3, 0, 2, 0), (5 * math.log(256), 5, 1, 5, 0)])
    found = causal_metrics(rows)
    assert found["perplexity"] == pytest.approx(256)
    assert found["bits_per_byte"] == pytest.approx(8 * 8 / 7)  # 8 tokens of 8 bits over 7 bytes


def test_the_loss_is_over_tokens_not_over_windows():
    found = causal_metrics(rows_of([(10.0, 1, 0, 9, 0), (9.0, 9, 1, 9, 0)]))
    assert found["loss"] == pytest.approx(19 / 10)


def test_masked_numbers():
    rows = rows_of([(4.0, 4, 0, 0, 3), (6.0, 1, 1, 0, 0)])
    assert masked_metrics(rows) == pytest.approx(
        {"loss": 2.0, "perplexity": math.exp(2.0), "accuracy": 3 / 5}
    )


def test_text_without_a_byte_has_no_bits_per_byte():
    rows = rows_of([(4.0, 4, 0, 0, 0), (4.0, 4, 1, 0, 0)])
    assert set(causal_metrics(rows)) == {"loss", "perplexity"}
    assert set(causal_intervals(rows, seed=0)) == {"loss", "perplexity"}


def test_nothing_predicted_is_told():
    with pytest.raises(DataError, match="nothing to score"):
        causal_metrics(rows_of([(0.0, 0, 0, 0, 0)]))


def test_perplexity_past_the_end_of_float64():
    assert perplexity(709.0) == math.exp(709.0)
    assert perplexity(710.0) == math.inf


def test_intervals_hold_the_value_and_share_one_definition():
    random = np.random.default_rng(0)
    windows = [
        (float(count * random.exponential(2.0)), int(count), i, int(4 * count), 0)
        for i, count in enumerate(random.integers(1, 40, 100))
    ]
    rows = rows_of(windows)
    value, found = causal_metrics(rows), causal_intervals(rows, seed=0)
    assert set(found) == set(value)
    for name, (low, high) in found.items():
        assert low < value[name] < high
    assert found["perplexity"] == pytest.approx(tuple(map(math.exp, found["loss"])))
    ratio = value["bits_per_byte"] / value["loss"]  # every token has four bytes here
    assert found["bits_per_byte"] == pytest.approx(tuple(ratio * end for end in found["loss"]))


def test_one_document_has_only_the_interval_of_accuracy():
    rows = rows_of([(4.0, 4, 0, 9, 3), (6.0, 6, 0, 0, 3)])
    assert causal_intervals(rows, seed=0) == {}
    found = masked_intervals(rows, seed=0)
    assert set(found) == {"accuracy"}
    assert found["accuracy"][0] < 0.6 < found["accuracy"][1]


def test_masked_intervals():
    rows = rows_of([(float(i % 7), 4, i, 0, i % 4) for i in range(50)])
    value, found = masked_metrics(rows), masked_intervals(rows, seed=0)
    assert set(found) == set(value)
    assert all(low < value[name] < high for name, (low, high) in found.items())


def test_definitions_name_their_numbers():
    assert "context 64, stride 32" in causal_definition(64, 32)
    assert "pieces of 128 tokens; 15% of" in masked_definition(128, 0.15)
