"""The numbers of benchmarks that are scored by likelihood, as lm-evaluation-harness defines them.

Shape letters: N items, C continuations of one, R requests, which are all continuations of all items
one after the other.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmkit.evaluation.interval import Interval, bootstrap_ratio, wilson

Metrics = dict[str, float]
Intervals = dict[str, Interval]

LAST_WORD = (
    "accuracy: the share of texts whose last word is what the model writes itself, token for token "
    "(greedily); perplexity: exp of the mean negative log-likelihood of the last words, a word "
    "counting once however many tokens it has. The context is not scored."
)
CHOICE = (
    "accuracy: the share of questions whose right answer is the likeliest of its choices behind "
    "`Question: ...\\nAnswer:`; accuracy_norm: the same with the log-likelihood divided by the "
    "characters of the choice, so that long ones are not at a loss. Baselines: chance, and always "
    "the longest choice."
)


def last_word(rows: Mapping[str, Sequence[Any]], seed: int) -> tuple[Metrics, Intervals]:
    """Metrics and intervals of N last words.

    Args:
        rows: `nll` and `greedy` of each, N values.
        seed: of the bootstrap's draws.
    """
    nll, greedy = np.asarray(rows["nll"], float), np.asarray(rows["greedy"], bool)  # (N,)
    count = len(nll)
    metrics = {"accuracy": float(greedy.mean()), "perplexity": math.exp(nll.mean())}
    intervals: Intervals = {"accuracy": wilson(float(greedy.sum()), count)}
    if (ends := bootstrap_ratio(nll, np.ones(count), seed)) is not None:
        intervals["perplexity"] = (math.exp(ends[0]), math.exp(ends[1]))
    return metrics, intervals


def choice(
    rows: Mapping[str, Sequence[Any]], choices: Sequence[Sequence[str]], gold: Sequence[int]
) -> tuple[Metrics, Intervals, dict[str, Metrics]]:
    """Metrics, intervals and baselines of N questions.

    Args:
        rows: `nll` of each of the R requests.
        choices: the C texts of each question.
        gold: the right one of each, in [0, C).
    """
    found = -np.asarray(rows["nll"], float)  # (R,)
    ends = np.cumsum([len(texts) for texts in choices])[:-1]
    by_item = np.split(found, ends)
    sizes = [np.array([len(text) for text in texts], float) for texts in choices]
    plain = _right([logs.argmax() for logs in by_item], gold)
    normed = _right([(l / s).argmax() for l, s in zip(by_item, sizes, strict=True)], gold)  # noqa: E741
    longest = _right([size.argmax() for size in sizes], gold)
    counted = {"accuracy": plain, "accuracy_norm": normed}
    chance = float(np.mean([1 / len(texts) for texts in choices]))
    baselines = {
        "chance": {"accuracy": chance},
        "longest_choice": {"accuracy": float(longest.mean())},
    }
    return (
        {name: float(right.mean()) for name, right in counted.items()},
        {name: wilson(float(right.sum()), len(gold)) for name, right in counted.items()},
        baselines,
    )


def _right(chosen: Sequence[Any], gold: Sequence[int]) -> NDArray[np.bool_]:
    right: NDArray[np.bool_] = np.asarray(chosen, int) == np.asarray(gold, int)
    return right
