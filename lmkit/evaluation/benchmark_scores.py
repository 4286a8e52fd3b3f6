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
from lmkit.evaluation.paired import Units, shares

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
    counted = _right_choices(rows, choices, gold)
    longest = _right([size.argmax() for size in _sizes(choices)], gold)
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


def last_word_units(rows: Mapping[str, Sequence[Any]]) -> Units:
    """What each of N last words adds to the accuracy; `rows` as for `last_word`."""
    return {"accuracy": shares(rows["greedy"])}


def choice_units(
    rows: Mapping[str, Sequence[Any]], choices: Sequence[Sequence[str]], gold: Sequence[int]
) -> Units:
    """What each of N questions adds to the metrics; the arguments are those of `choice`."""
    return {name: shares(right) for name, right in _right_choices(rows, choices, gold).items()}


def _right_choices(
    rows: Mapping[str, Sequence[Any]], choices: Sequence[Sequence[str]], gold: Sequence[int]
) -> dict[str, NDArray[np.bool_]]:
    """Which of N questions are answered right, by each metric."""
    found = -np.asarray(rows["nll"], float)  # (R,)
    by_item = np.split(found, np.cumsum([len(texts) for texts in choices])[:-1])
    normed = [logs / sizes for logs, sizes in zip(by_item, _sizes(choices), strict=True)]
    return {
        "accuracy": _right([logs.argmax() for logs in by_item], gold),
        "accuracy_norm": _right([logs.argmax() for logs in normed], gold),
    }


def _sizes(choices: Sequence[Sequence[str]]) -> list[NDArray[np.float64]]:
    """The characters of the choices of each question."""
    return [np.array([len(text) for text in texts], float) for texts in choices]


def _right(chosen: Sequence[Any], gold: Sequence[int]) -> NDArray[np.bool_]:
    right: NDArray[np.bool_] = np.asarray(chosen, int) == np.asarray(gold, int)
    return right
