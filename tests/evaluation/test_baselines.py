"""Baselines against formulas worked out by hand, gzip's own figures and scikit-learn."""

import math
import zlib

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from lmkit.evaluation.baselines import (
    Targets,
    causal_unigram,
    masked_unigram,
    prior,
    prior_odds,
    targets,
    token_counts,
    zlib_bits_per_byte,
)


class Listed:
    """Examples from a list."""

    def __init__(self, features):
        self.features = features

    def __len__(self):
        return len(self.features)

    def __getitem__(self, key):
        assert key[0] == 0
        return self.features[key[1]]


def test_zlib_compresses_each_text_on_its_own():
    texts = ["abc" * 50, "äöü", ""]
    packed = sum(len(zlib.compress(text.encode(), 9)) for text in texts[:2])
    assert zlib_bits_per_byte(iter(texts)) == pytest.approx(8 * packed / 156)


def test_zlib_of_noise_is_a_little_over_eight_bits():
    noise = "".join(map(chr, np.random.default_rng(0).integers(0, 128, 10_000)))
    assert 7.0 < zlib_bits_per_byte([noise]) < 7.3  # 7 bits of entropy a byte


def test_token_counts_over_piece_borders(monkeypatch):
    monkeypatch.setattr("lmkit.evaluation.baselines._PIECE", 7)
    tokens = np.random.default_rng(0).integers(0, 20, 100).astype(np.uint16)
    expected = np.bincount(tokens, minlength=25)
    assert (token_counts(tokens, 25) == expected).all()
    expected[[3, 4]] = 0
    assert (token_counts(tokens, 25, without={3, 4}) == expected).all()


def test_targets_leave_out_what_is_not_predicted():
    examples = Listed([{"labels": [1, 2, -100], "bytes": 7}, {"labels": [2, -100], "bytes": 0}])
    found = targets(examples, 4)
    assert found.counts.tolist() == [0, 1, 2, 0]
    assert found.bytes == 7


def test_causal_unigram_by_hand():
    train = np.array([2, 1, 0])  # smoothed: 3/6, 2/6, 1/6
    found = causal_unigram(train, Targets(np.array([1, 0, 1]), 4))
    nll = math.log(6 / 3) + math.log(6)
    assert found["loss"] == pytest.approx(nll / 2)
    assert found["perplexity"] == pytest.approx(math.sqrt(12))
    assert found["bits_per_byte"] == pytest.approx(math.log2(12) / 4)


def test_unigram_of_its_own_long_text_is_its_entropy():
    counts = np.array([5000, 3000, 2000])
    share = counts / counts.sum()
    found = causal_unigram(counts, Targets(counts, 0))
    assert found["loss"] == pytest.approx(-(share @ np.log(share)), abs=1e-6)
    assert "bits_per_byte" not in found


def test_masked_unigram_guesses_the_commonest_training_token():
    found = masked_unigram(np.array([1, 9, 3]), Targets(np.array([6, 2, 2]), 0))
    assert found["accuracy"] == pytest.approx(0.2)
    assert found["perplexity"] == pytest.approx(math.exp(found["loss"]))


def test_a_prior_is_that_of_scikit_learn_with_one_more_row_of_each_class():
    train = np.random.default_rng(1).integers(0, 3, 90)
    smoothed = np.concatenate([train, np.arange(3)])
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((93, 1)), smoothed)
    found = prior(np.bincount(train, minlength=3), 4)
    assert found == pytest.approx(dummy.predict_log_proba(np.zeros((4, 1))))


def test_of_equally_common_classes_the_first_is_guessed():
    assert prior([2, 5, 5], 2).argmax(1).tolist() == [1, 1]


def test_prior_odds_by_hand():
    found = prior_odds([8, 1, 0], 8, 2)
    assert found.shape == (2, 3)
    assert found[0] == pytest.approx([math.log(9 / 1), math.log(2 / 8), math.log(1 / 9)])
