"""How alike texts are by their words alone: what vectors of a model must beat.

Shape letters: Q and M texts of two sides, F words.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from lmkit.evaluation.retrieval import candidates_of, rank, retrieval_metrics

Floats = NDArray[np.float64]
_WORD = r"[^\W_]+"  # also one letter; snake_case is several words


class Lexical(Protocol):
    """One way to compare texts."""

    def pairs(self, left: Sequence[str], right: Sequence[str]) -> Floats:
        """How alike each text is to the one at its place on the other side, (Q,)."""

    def table(self, left: Sequence[str], right: Sequence[str]) -> Floats:
        """How alike each text of one side is to each of the other, (Q, M)."""


class TfIdf:
    """The cosine of the words' counts, each weighted by how few texts hold it."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Learn the weights.

        Args:
            texts: where words are counted; one that is in none of them counts nothing later.
        """
        self._vectorizer: Any = TfidfVectorizer(token_pattern=_WORD)
        self._empty = not any(map(CountVectorizer(token_pattern=_WORD).build_analyzer(), texts))
        if not self._empty:
            self._vectorizer.fit(texts)

    def pairs(self, left: Sequence[str], right: Sequence[str]) -> Floats:
        """Cosines, (Q,); 0 where a text has no known word."""
        if self._empty:
            return np.zeros(len(left))
        a, b = self._vectorizer.transform(left), self._vectorizer.transform(right)  # unit length
        return np.asarray(a.multiply(b).sum(axis=1), dtype=np.float64).reshape(-1)

    def table(self, left: Sequence[str], right: Sequence[str]) -> Floats:
        """Cosines, (Q, M)."""
        if self._empty:
            return np.zeros((len(left), len(right)))
        a, b = self._vectorizer.transform(left), self._vectorizer.transform(right)
        return np.asarray((a @ b.T).toarray(), dtype=np.float64)


class Overlap:
    """The share of the words of two texts that both have (Jaccard 1912)."""

    def pairs(self, left: Sequence[str], right: Sequence[str]) -> Floats:
        """Shares, (Q,); 0 where neither has a word."""
        a, b = _words(left, right)
        return _shares(np.asarray(a.multiply(b).sum(axis=1)).reshape(-1), _sizes(a), _sizes(b))

    def table(self, left: Sequence[str], right: Sequence[str]) -> Floats:
        """Shares, (Q, M)."""
        a, b = _words(left, right)
        return _shares((a @ b.T).toarray(), _sizes(a)[:, None], _sizes(b)[None])


def by_words(texts: Sequence[str]) -> dict[str, Lexical]:
    """The ways to compare texts by their words, with weights from these texts."""
    return {"tfidf": TfIdf(texts), "overlap": Overlap()}


def found_by_words(
    way: Lexical, texts: Sequence[Sequence[str]], keys: ArrayLike
) -> dict[str, float]:
    """How well the right texts of a split are found by words alone: all but the likelihood.

    Args:
        way: to compare.
        texts: of each row its query, the text to find and, it may be, one that is wrong.
        keys: of those texts, see `candidates_of`.
    """
    candidates = candidates_of(keys)
    flat = [text for row in texts for text in row[1:]]
    others = [flat[place] for place in candidates.first]
    queries = [row[0] for row in texts]
    ranked = rank(lambda block: way.table(queries[block], others), candidates, 1.0)
    found = retrieval_metrics(ranked)
    del found["loss"]
    return found


def choice_baselines(
    asked: Sequence[tuple[str, Sequence[str]]],
    gold: Sequence[int],
    usual: Mapping[int, int] | None,
) -> dict[str, dict[str, float]]:
    """Choosing an answer without understanding: at random, the longest, by words, by its place.

    Args:
        asked: each question and its answers.
        gold: the right answer of each.
        usual: how often each place is right in the training data; None where that is not known.
    """
    sizes = np.array([len(choices) for _, choices in asked])
    learned = TfIdf([text for question, choices in asked for text in (question, *choices)])
    chosen = {
        "longest": [int(np.argmax([len(text) for text in choices])) for _, choices in asked],
        "tfidf": [int(learned.table([text], choices)[0].argmax()) for text, choices in asked],
    }
    if usual is not None:
        ordered = sorted(usual, key=lambda place: (-usual[place], place))
        chosen["position"] = [
            next((place for place in ordered if place < size), 0) for size in sizes.tolist()
        ]
    found = {"random": {"loss": float(np.log(sizes).mean()), "accuracy": float((1 / sizes).mean())}}
    for name, places in chosen.items():
        found[name] = {"accuracy": float((np.asarray(places) == np.asarray(gold)).mean())}
    return found


def _words(left: Sequence[str], right: Sequence[str]) -> tuple[Any, Any]:
    """Which words each text has: two sparse matrices, (Q, F) and (M, F)."""
    counter = CountVectorizer(token_pattern=_WORD, binary=True, dtype=np.int64)
    if not any(map(counter.build_analyzer(), [*left, *right])):
        counter.fit(["nothing"])
    else:
        counter.fit([*left, *right])
    return counter.transform(left), counter.transform(right)


def _sizes(words: Any) -> NDArray[np.int64]:
    return np.asarray(words.sum(axis=1)).reshape(-1)


def _shares(both: Any, left: Any, right: Any) -> Floats:
    either = left + right - both
    return np.asarray(both / np.maximum(either, 1), dtype=np.float64)
