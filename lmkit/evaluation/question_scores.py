"""From a few numbers of each window to the metrics of questions.

Shape letters: W windows, N questions.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from lmkit.evaluation.answers import RightAnswers, best_threshold
from lmkit.evaluation.interval import Interval, bootstrap_ratio, wilson
from lmkit.evaluation.paired import Units, shares
from lmkit.evaluation.span_search import WindowAnswers

Floats = NDArray[np.float64]


def judged(
    window: WindowAnswers, context: str, right: Sequence[tuple[int, str]], *, texts: bool = False
) -> dict[str, Any]:
    """What is kept of a window: the score of its best span, and how good an answer that is.

    Args:
        window: with one span, or none where it holds no text.
        context: of its question.
        right: the answers to it, with their places; none where it has none.
        texts: whether the answers themselves are kept too.
    """
    score, start, end = window.spans[0] if window.spans else (-math.inf, 0, 0)
    told, wanted = context[start:end], [text for _, text in right]
    quality = RightAnswers(wanted).score(told)
    answers = {"text": wanted, "answer_start": [place for place, _ in right]}
    return {
        "question": window.question, "null": window.null, "best": score,
        "exact_match": quality.exact_match, "f1": quality.f1, "unanswerable": not right,
        "start": start, "end": end,
        **({"text": told, "answers": answers} if texts else {}),
    }  # fmt: skip


def tried_in_squad(*, may_be_none: bool) -> tuple[list[Any], list[Any]]:
    """A few answers in the shape of `QuestionScores.in_squad`: one that is right, maybe none."""
    texts = ["an answer", ""] if may_be_none else ["an answer"]
    told = [
        {"id": str(number), "prediction_text": text, "no_answer_probability": float(not text)}
        for number, text in enumerate(texts)
    ]
    right = [{"text": [text][: len(text)], "answer_start": [0][: len(text)]} for text in texts]
    return told, [{"id": str(number), "answers": one} for number, one in enumerate(right)]


class QuestionScores:
    """What is known of N questions: one value each, whatever the number of their windows."""

    def __init__(
        self, rows: dict[str, list[Any]], *, may_be_none: bool, threshold: float | None
    ) -> None:
        """Join the windows.

        Args:
            rows: (W,) each: `question`, `nll` and `count`, score `null` of no answer and `best` of
                the best span, its `exact_match` and `f1`, whether the question is `unanswerable`
                and the split is the `validation` data.
            may_be_none: whether no answer may be given.
            threshold: how far `null` must lie above `best` for it; None: the best one on validation
                data, else 0.
        """
        numbers, windows = np.unique(np.asarray(rows["question"]), return_inverse=True)
        count, best = len(numbers), np.asarray(rows["best"], float)
        self.nll, self.count = (_sums(windows, rows[name], count) for name in ("nll", "count"))
        # the window of each question whose span is best; of equals the first
        order = np.lexsort([np.arange(len(best)), -best, windows])
        chosen = order[np.searchsorted(windows[order], np.arange(count))]  # (N,)
        exact, f1 = (np.asarray(rows[name], float)[chosen] for name in ("exact_match", "f1"))
        self.numbers, self.chosen = numbers, chosen
        given, self.none_share = np.ones(count, bool), np.zeros(count)
        self.empty: Floats = np.asarray(rows["unanswerable"], float)[chosen]
        self.may_be_none = may_be_none
        self.threshold = threshold
        if may_be_none:
            null = np.full(count, math.inf)
            np.minimum.at(null, windows, np.asarray(rows["null"], float))
            gaps = np.nan_to_num(null - best[chosen], nan=0.0)
            if threshold is None:
                tuned = bool(np.all(rows["validation"]))
                self.threshold = best_threshold(gaps, f1, self.empty) if tuned else 0.0
            given, self.none_share = gaps <= self.threshold, expit(gaps)
            exact, f1 = np.where(given, exact, self.empty), np.where(given, f1, self.empty)
        self.given: NDArray[np.bool_] = given
        self.exact_match: Floats = exact
        self.f1: Floats = f1

    def metrics(self) -> dict[str, float]:
        """`loss`, `exact_match` and `f1`; apart for both kinds of questions where there are two."""
        found = {
            "loss": math.fsum(self.nll) / float(self.count.sum()),
            "exact_match": float(self.exact_match.mean()),
            "f1": float(self.f1.mean()),
        }
        for name, (values, kind) in self._by_kind().items():
            found[name] = float(values[kind].mean())
        if self.may_be_none:
            found["no_answer_threshold"] = float(self.threshold or 0.0)
        return found

    def intervals(self, seed: int) -> dict[str, Interval]:
        """95 % intervals over the questions, for all but the threshold."""
        ones = np.ones_like(self.f1)
        found = {
            "loss": bootstrap_ratio(self.nll, self.count, seed),
            "exact_match": wilson(float(self.exact_match.sum()), len(ones)),
            "f1": bootstrap_ratio(self.f1, ones, seed),
        }
        for name, (values, kind) in self._by_kind().items():
            if name.endswith("f1"):
                found[name] = bootstrap_ratio(values[kind], ones[kind], seed)
            else:
                found[name] = wilson(float(values[kind].sum()), int(kind.sum()))
        return {name: ends for name, ends in found.items() if ends is not None}

    def units(self) -> Units:
        """What each question adds to the metrics; to those of its kind alone."""
        kinds = {name: np.stack([v * kind, kind]) for name, (v, kind) in self._by_kind().items()}
        return {
            "loss": np.stack([self.nll, self.count]),
            "exact_match": shares(self.exact_match),
            "f1": shares(self.f1),
            **kinds,
        }

    def in_squad(self, rows: dict[str, list[Any]]) -> tuple[list[Any], list[Any]]:
        """Answers and right ones as the scripts of SQuAD 1.1 and 2.0 take them.

        `no_answer_probability` is the share of no answer beside the best span alone.

        Args:
            rows: as they were given, with their texts.
        """
        told = [
            {"id": str(number), "prediction_text": rows["text"][window] if given else "",
             "no_answer_probability": float(share)}
            for number, (window, given, share) in enumerate(
                zip(self.chosen, self.given, self.none_share, strict=True)
            )
        ]  # fmt: skip
        right = [rows["answers"][window] for window in self.chosen]
        return told, [{"id": str(number), "answers": one} for number, one in enumerate(right)]

    def _by_kind(self) -> dict[str, tuple[Floats, NDArray[np.bool_]]]:
        """The metrics of one kind of question each: their values and which they are."""
        none = self.empty > 0
        if not none.any():
            return {}
        found = {"no_answer_accuracy": (self.exact_match, none)}
        if not none.all():
            found["has_answer_exact_match"] = (self.exact_match, ~none)
            found["has_answer_f1"] = (self.f1, ~none)
        return found


def _sums(windows: NDArray[np.int64], values: list[Any], count: int) -> Floats:
    """(N,) the sum over the windows of each question."""
    found = np.zeros(count)
    np.add.at(found, windows, np.asarray(values, float))
    return found
