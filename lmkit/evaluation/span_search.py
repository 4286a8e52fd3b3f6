"""The best spans of a text by a score of where they begin and one of where they end.

The score of a span is the sum of both (Devlin et al. 2019, BERT, section 4.2, arXiv:1810.04805).
Every span of the allowed length is compared, so that the best is exactly that. Shape letters: T
tokens, L tokens of the longest span, B windows of a batch.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Span(NamedTuple):
    """Tokens `first` to `last`, both inside."""

    score: float
    first: int
    last: int


def best_spans(
    begins: NDArray[np.float64],
    ends: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    *,
    longest: int,
    count: int,
) -> list[Span]:
    """The spans with the highest scores, the highest first; of equals the one that begins first.

    Args:
        begins: (T,) score of a span's first token.
        ends: (T,) score of its last.
        allowed: (T,) which tokens may be either.
        longest: L.
        count: how many spans.

    Returns:
        Fewer than `count` where there are not so many.
    """
    places = np.flatnonzero(allowed)
    if not len(places):
        return []
    low, high = places[0], places[-1] + 1
    longest = min(longest, int(high - low))
    first = np.where(allowed, begins, -np.inf)[low:high]
    last = np.where(allowed, ends, -np.inf)[low:high]
    beyond = np.concatenate([last, np.full(longest - 1, -np.inf)])
    band = first[:, None] + np.lib.stride_tricks.sliding_window_view(beyond, longest)  # (T, L)
    scores = band.ravel()
    if count == 1:
        chosen = np.array([np.argmax(scores)])
    else:
        chosen = np.argpartition(-scores, min(count, len(scores)) - 1)[:count]
        chosen = chosen[np.lexsort([chosen, -scores[chosen]])]
    return [
        Span(float(scores[at]), int(low + at // longest), int(low + at // longest + at % longest))
        for at in chosen.tolist()
        if scores[at] > -np.inf
    ]


class WindowAnswers(NamedTuple):
    """What one window says of its question."""

    question: int
    null: float
    """The score of no answer: that of [CLS] as both ends."""
    spans: list[tuple[float, int, int]]
    """The best spans: score, first character of the context, and the one after the last."""


class Choice(NamedTuple):
    """The answer to a question."""

    place: tuple[int, int] | None
    """Its characters in the context; None: there is no answer."""
    share: float
    """Its probability among the candidates."""


def window_answers(
    outputs: Any, batch: Mapping[str, Any], *, longest: int, count: int
) -> list[WindowAnswers]:
    """The best spans of each window of a batch.

    Args:
        outputs: `start_logits` and `end_logits`, tensors (B, T).
        batch: tensors `begins` and `ends` (B, T), characters of the context or -1; `null` and
            `question` (B,).
        longest: L.
        count: spans of a window.
    """
    logits = (outputs.start_logits, outputs.end_logits)
    starts, stops = (scores.double().cpu().numpy() for scores in logits)
    begins, ends = batch["begins"].cpu().numpy(), batch["ends"].cpu().numpy()
    found = []
    for row, null in enumerate(batch["null"].tolist()):
        spans = best_spans(starts[row], stops[row], begins[row] >= 0, longest=longest, count=count)
        found.append(
            WindowAnswers(
                int(batch["question"][row]),
                float(starts[row, null] + stops[row, null]),
                [(s.score, int(begins[row, s.first]), int(ends[row, s.last])) for s in spans],
            )
        )
    return found


def choose(
    windows: Sequence[WindowAnswers], *, count: int, may_be_none: bool, threshold: float
) -> Choice:
    """The answer to one question from all its windows.

    Its probability is its share in a softmax over the scores of the `count` best spans, and of no
    answer where that may be; a span that two windows know counts once, with its higher score.

    Args:
        windows: of one question.
        count: candidates.
        may_be_none: whether there may be no answer.
        threshold: how far its score, the lowest of all windows, must lie above the best span's.
    """
    best: dict[tuple[int, int], float] = {}
    for window in windows:
        for score, start, end in window.spans:
            best[start, end] = max(score, best.get((start, end), -np.inf))
    ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))[:count]
    null = min(window.null for window in windows)
    scores = np.array([score for _, score in ranked] + [null] * may_be_none)
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    if may_be_none and null - ranked[0][1] > threshold:
        return Choice(None, float(shares[-1]))
    return Choice(ranked[0][0], float(shares[0]))
