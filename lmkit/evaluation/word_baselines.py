"""The baselines of a text classifier, scored as it is: the same problem, the same rows.

Shape letters: N training rows, K of them that are learned from, M scored rows, C classes.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray

from lmkit.evaluation.problem import Metrics, Problem, Rows
from lmkit.evaluation.tfidf import Texts, every_nth, features


def word_baselines(
    problem: Problem,
    gold: NDArray[Any],
    train: Texts,
    scored: Texts,
    labels: torch.Tensor,
    measure: Callable[[Rows], Metrics] | None = None,
) -> dict[str, Metrics]:
    """The same answer for every row, and what the words tell a linear model.

    Args:
        problem: how answers are scored.
        gold: of all training rows, (N,) or (N, C).
        train: the texts of every `every_nth` of them, (K,).
        scored: the texts of the scored rows, (M,).
        labels: theirs, (M,) or (M, C).
        measure: what makes the metrics of rows; left out, the problem does.

    Returns:
        Metrics by baseline; those that are not defined (the correlation of a constant) are left
        out.
    """
    answers = dict([problem.constant(gold, len(scored))])
    if (found := features(train, scored)) is not None:
        step = every_nth(len(gold), len(problem.names))
        answers |= dict([problem.linear(found[0], gold[::step], found[1])])
    made = {}
    for name, logits in answers.items():
        numbers = (measure or problem.metrics)(problem.reduce(torch.from_numpy(logits), labels))
        made[name] = {key: value for key, value in numbers.items() if math.isfinite(value)}
    return made
