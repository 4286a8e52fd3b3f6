"""Linear models of words: what they learn, and the corners where there is little to learn."""

import math
import time

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from lmkit.evaluation import tfidf
from lmkit.evaluation.tfidf import every_nth, features, logistic, logistic_each, ridge

SEA, SKY = "wave fish boat salt", "cloud bird wind star"


def rows(count, seed):
    """One-text rows with two words of their class, and the classes."""
    random = np.random.default_rng(seed)
    gold = random.integers(0, 2, count)
    texts = [
        (" ".join(["the", *random.choice((SEA, SKY)[label].split(), 2), "of"]),) for label in gold
    ]
    return texts, gold


def test_words_tell_the_class():
    (train, gold), (scored, truth) = rows(60, 1), rows(30, 2)
    of_train, of_scored = features(train, scored)
    found = logistic(of_train, gold, of_scored, 2)
    assert np.exp(found).sum(1) == pytest.approx(1.0)
    assert (found.argmax(1) == truth).all()
    theirs = LogisticRegression(C=10).fit(of_train, gold).predict_log_proba(of_scored)
    assert found == pytest.approx(theirs)


def test_a_class_that_no_row_has_is_unlikely_and_a_lone_one_certain():
    (train, gold), (scored, _) = rows(30, 1), rows(5, 2)
    of_train, of_scored = features(train, scored)
    found = logistic(of_train, gold * 2, of_scored, 4)  # classes 0 and 2
    assert found[:, [1, 3]] == pytest.approx(-math.log(34))
    assert (logistic(of_train, gold * 0 + 3, of_scored, 4).argmax(1) == 3).all()


def test_each_label_by_itself():
    (train, gold), (scored, truth) = rows(60, 1), rows(30, 2)
    many = np.stack([gold == 0, gold == 1, np.ones(60), np.zeros(60)], axis=1).astype(bool)
    of_train, of_scored = features(train, scored)
    found = logistic_each(of_train, many, of_scored)
    assert ((found[:, 1] > 0) == (truth == 1)).all()
    assert found[:, 2] == pytest.approx(math.log(61))
    assert found[:, 3] == pytest.approx(-math.log(61))


def test_a_pair_is_known_by_its_cosine():
    """Texts that are alike have the number 1, wholly unlike ones 0; no word tells it."""
    random = np.random.default_rng(0)
    words = [f"w{number}" for number in range(300)]
    pairs, gold = [], []
    for number in range(200):
        one = " ".join(random.choice(words, 5))
        pairs.append((one, one if number % 2 else " ".join(random.choice(words, 5))))
        gold.append(float(number % 2))
    of_train, of_scored = features(pairs[:150], pairs[150:])
    found = ridge(of_train, np.array(gold[:150]), of_scored)
    assert found.shape == (50, 1)
    assert np.corrcoef(found[:, 0], gold[150:])[0, 1] > 0.9


def test_without_a_word_there_are_no_features():
    assert features([("...",), ("!",)], [("a",)]) is None


def test_only_the_head_of_a_text_counts(monkeypatch):
    monkeypatch.setattr(tfidf, "CHARACTERS", 4)
    of_train, _ = features([("wave fish",), ("boat salt",)], [("wave",)])
    assert of_train.shape[1] == 2


@pytest.mark.parametrize(
    ("count", "classes", "step"),
    [
        (100, 2, 1),
        (20_000, 4, 1),
        (20_001, 4, 2),
        (100_000, 77, 5),
        (10_000, 1000, 5),
        (9, 10**7, 9),
    ],
)
def test_many_rows_are_thinned_out(count, classes, step):
    assert every_nth(count, classes) == step


@pytest.mark.slow
def test_the_most_rows_take_seconds():
    random = np.random.default_rng(0)
    words = np.array([f"w{number}" for number in range(20_000)])
    ranks = np.minimum(random.zipf(1.3, (tfidf.ROWS, 25)), 20_000) - 1
    texts = [(" ".join(words[row]),) for row in ranks]
    gold = ranks.min(axis=1) % 20
    start = time.perf_counter()
    of_train, of_scored = features(texts, texts[:1000])
    logistic(of_train, gold, of_scored, 20)
    assert time.perf_counter() - start < 90  # about 10 on a quiet core
