"""How good an answer is: SQuAD's exact match and F1, and when it is better to give none.

As SQuAD 2.0's own script counts (Rajpurkar et al. 2018, arXiv:1806.03822): of several right answers
the nearest counts; an empty answer is right where there is nothing to find. Shares in [0, 1], where
that script gives percent. Shape letters: N questions.
"""

import math
import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"\w+")


class Score(NamedTuple):
    """How near an answer comes to the right ones."""

    exact_match: float
    f1: float


def normalize(text: str) -> str:
    """Lower case, without ASCII punctuation, English articles and more than one space."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


class RightAnswers:
    """The answers to a question, each as good as the others; none: the empty one is right."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = list(texts)

    @cached_property
    def _normalized(self) -> list[str]:
        """Each once; one of which nothing is left (`The`) counts as none."""
        return [text for text in dict.fromkeys(map(normalize, self._texts)) if text] or [""]

    def score(self, answer: str) -> Score:
        """Exact match (0 or 1) and the F1 of the words, each the best over the right answers."""
        given = normalize(answer)
        return Score(
            float(given in self._normalized),
            max(_f1(given.split(), right.split()) for right in self._normalized),
        )


def _f1(given: list[str], right: list[str]) -> float:
    """The harmonic mean of the words that are right and the right ones that are given."""
    if not given or not right:
        return float(given == right)
    same = (Counter(given) & Counter(right)).total()
    return 2 * same / (len(given) + len(right))


def best_threshold(
    gaps: NDArray[np.float64], f1: NDArray[np.float64], empty: NDArray[np.float64]
) -> float:
    """How far the score of no answer must lie above that of the best span for the highest mean F1.

    Questions whose gap is at most the threshold are answered. Halfway between two gaps, so that
    it holds for others too; of equally good ones the nearest to 0.

    Args:
        gaps: (N,) score of no answer less that of the best span.
        f1: (N,) of the best span.
        empty: (N,) F1 of no answer: 1 where there is none.
    """
    order = np.argsort(gaps, kind="stable")
    gaps, gain = gaps[order], (f1 - empty)[order]
    edges = np.concatenate([[gaps[0] - 1], (gaps[:-1] + gaps[1:]) / 2, [gaps[-1] + 1]])  # (N + 1,)
    between = np.concatenate([[True], gaps[:-1] < gaps[1:], [True]])  # equal gaps stay together
    totals = np.concatenate([[0.0], np.cumsum(gain)])
    totals = np.where(between, totals, -np.inf)
    best = np.flatnonzero(totals >= totals.max() - 1e-9)
    return float(edges[best[np.argmin(np.abs(edges[best]))]])


def sentences(context: str) -> list[str]:
    """The sentences of a text, or its lines where those are shorter."""
    return [part for part in _SENTENCE.split(context.strip()) if part.strip()] or [context]


def overlapping_sentence(question: str, context: str) -> str:
    """The sentence that shares most words with the question, each counting by its rarity.

    A word in fewer sentences of the context counts more: log((1 + S) / (1 + s)), S sentences, s of
    them with it. Of equals the first.
    """
    found = sentences(context)
    words = [set(_WORD.findall(sentence.lower())) for sentence in found]
    held = Counter(word for each in words for word in each)
    asked = set(_WORD.findall(question.lower()))

    def shared(number: int) -> float:
        rarities = ((1 + len(found)) / (1 + held[word]) for word in sorted(asked & words[number]))
        return math.fsum(map(math.log, rarities))

    return found[max(range(len(found)), key=lambda number: (shared(number), -number))]


def baselines(
    questions: Sequence[tuple[str, str]], right: Sequence[RightAnswers], *, no_answer: bool
) -> dict[str, dict[str, float]]:
    """What answers without a model: a whole sentence of the context, or always none.

    Args:
        questions: (N,) question and context.
        right: (N,) what answers them.
        no_answer: whether none may be an answer.
    """
    given = {
        "first_sentence": [sentences(context)[0] for _, context in questions],
        "overlap_sentence": [overlapping_sentence(*pair) for pair in questions],
    }
    if no_answer:
        given["no_answer"] = [""] * len(questions)
    found = {}
    for name, answers in given.items():
        scores = [each.score(answer) for each, answer in zip(right, answers, strict=True)]
        em, f1 = np.mean(scores, axis=0)
        found[name] = {"exact_match": float(em), "f1": float(f1)}
    return found
