"""What words alone tell: TF-IDF with a linear model, in seconds.

Words and pairs of words, weighted by 1 + log of their count and by how few texts hold them (Salton
and Buckley 1988, Inf. Process. Manag. 24:513), then logistic or ridge regression by scikit-learn.
Of a pair of texts the words of each, and the cosine between the two.

Shape letters: N training rows, M scored rows, C classes, F features.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

ROWS = 20_000
"""Training rows that are learned from, evenly drawn from all."""
ANSWERS = 2_000_000
"""Rows times classes that are learned from, at most."""
CHARACTERS = 4_000
"""Of a text the words up to here count."""
WEIGHT = 10.0
"""How much the rows count against the penalty, in logistic regression (`C` of scikit-learn)."""

Texts = Sequence[tuple[str, ...]]
Floats = NDArray[np.float64]


def every_nth(rows: int, classes: int = 1) -> int:
    """Every how many-th training row is learned from."""
    return math.ceil(rows / max(1, min(ROWS, ANSWERS // classes)))


def features(train: Texts, scored: Texts) -> tuple[Any, Any] | None:
    """Sparse features (N, F) and (M, F); None where no text holds a word.

    Args:
        train: the texts of each row, one or two.
        scored: likewise.
    """
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    split = words.build_analyzer()
    if not any(split(text) for row in train for text in row):
        return None
    words.fit(text[:CHARACTERS] for row in train for text in row)
    return _of(words, train), _of(words, scored)


def logistic(train: Any, gold: NDArray[Any], scored: Any, classes: int) -> Floats:
    """Log probabilities of each class, (M, C).

    Args:
        train: features (N, F).
        gold: class ids (N,) in [0, C); one that none has gets the share of one row among all.
        scored: features (M, F).
        classes: C.
    """
    found = np.full((scored.shape[0], classes), -math.log(len(gold) + classes))
    known = np.unique(gold)
    if len(known) == 1:
        found[:, known[0]] = 0.0
        return found
    found[:, known] = _fitted(LogisticRegression(C=WEIGHT), train, gold).predict_log_proba(scored)
    return found


def logistic_each(train: Any, gold: NDArray[Any], scored: Any) -> Floats:
    """Log odds of each label, (M, C), by one regression a label.

    Args:
        train: features (N, F).
        gold: whether each row has each label, (N, C).
        scored: features (M, F).
    """
    found = np.empty((scored.shape[0], gold.shape[1]))
    for label, has in enumerate(gold.T):
        share = (has.sum() + 1) / (len(has) + 2)
        if has.all() or not has.any():
            found[:, label] = math.log(share / (1 - share))
        else:
            found[:, label] = _fitted(LogisticRegression(C=WEIGHT), train, has).decision_function(
                scored
            )
    return found


def ridge(train: Any, gold: NDArray[Any], scored: Any) -> Floats:
    """Numbers, (M, 1), from features (N, F), numbers (N,) and features (M, F)."""
    fitted = Ridge(solver="lsqr").fit(train, gold)
    return np.asarray(fitted.predict(scored), float)[:, None]


def _of(words: TfidfVectorizer, rows: Texts) -> Any:
    """The features of rows of one or two texts."""
    sides = [
        words.transform([text[:CHARACTERS] for text in side]) for side in zip(*rows, strict=True)
    ]
    if len(sides) == 1:
        return sides[0]
    cosine = sides[0].multiply(sides[1]).sum(axis=1)  # rows of TF-IDF have length 1
    return sparse.hstack([*sides, sparse.csr_matrix(cosine)], format="csr")


def _fitted(model: Any, train: Any, gold: NDArray[Any]) -> Any:
    """The model, fitted as far as its iterations go: a baseline need not be at the optimum."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(train, gold)
