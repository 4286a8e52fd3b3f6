"""Answer in bfloat16 without changing a label: near ties are answered again in float32.

Half the bits move a logit by a hundredth or so. That changes a label only where two scores are
nearly equal. How far they move is measured on rows of the input itself, in both precisions; a row
whose two best labels are closer than a multiple of that is answered again. On one core with
bfloat16 products MiniLM answered 2.8 times as many texts a second as in float32.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmkit.training.hardware import Precision

MANY = 512
"""Rows from which on the trial pays; fewer are answered in float32."""
TRIED = 128
"""Rows that are answered in both precisions."""
CAUTION = 3.0
"""Times the largest change seen, within which two labels count as a near tie."""
MOST_CLOSE = 0.4
"""The share of near ties above which answering them again would cost more than is saved."""
PROSPECTS = 4.0  # nats below the best score, within which a label may become the best

Answer = dict[str, Any]
Tried = Callable[[Sequence[int], Precision], list[Answer]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Narrow:
    """How close two labels may be before the fewer bits are not trusted."""

    bound: float
    """Nats between the two best scores."""

    def close_calls(self, answers: Sequence[Answer]) -> list[int]:
        """The numbers of the answers that float32 has to give."""
        return [number for number, found in enumerate(answers) if margin(found) < self.bound]


def try_narrow(precision: Precision, count: int, tried: Tried) -> Narrow | None:
    """The bound that was found, or None where answers stay in float32.

    Args:
        precision: the one with fewer bits.
        count: examples that there are; `TRIED` of them, evenly spread, are tried.
        tried: what is told of some of the examples, in a precision.
    """
    chosen = np.unique(np.linspace(0, count - 1, TRIED).astype(int)).tolist()
    exact = tried(chosen, "float32")
    if not all(map(has_one_label, exact)):
        return None
    narrow = tried(chosen, precision)
    bound = CAUTION * max(map(change, exact, narrow))
    found = Narrow(bound)
    share = len(found.close_calls(narrow)) / len(chosen)
    if share > MOST_CLOSE:
        logger.info(
            "precision float32: in %s %.0f %% of the rows would be near ties", precision,
            100 * share,
        )  # fmt: skip
        return None
    differ = max(
        abs(score - other["scores"][name])
        for one, other in zip(exact, narrow, strict=True)
        for name, score in one["scores"].items()
    )
    logger.info(
        "precision %s: scores differ by up to %.2g from those in float32; near ties are answered "
        "in float32, so that no label does (--precision float32: neither)", precision, differ,
    )  # fmt: skip
    return found


def has_one_label(answer: Answer) -> bool:
    """Whether the label is the one of the largest of scores that share a probability of 1."""
    scores = answer.get("scores")
    if "label" not in answer or not isinstance(scores, dict) or len(scores) < 2:
        return False
    return math.isclose(math.fsum(scores.values()), 1.0, abs_tol=1e-6)


def margin(answer: Answer) -> float:
    """Nats between the two best scores."""
    second, best = sorted(map(_log, answer["scores"].values()))[-2:]
    return best - second


def change(exact: Answer, narrow: Answer) -> float:
    """The most by which the distance of two labels that may be the best has changed, in nats."""
    logs = {name: _log(score) for name, score in exact["scores"].items()}
    least = max(logs.values()) - PROSPECTS
    moved = [_log(narrow["scores"][name]) - log for name, log in logs.items() if log >= least]
    return max(moved) - min(moved)


def _log(score: float) -> float:
    return math.log(max(score, 1e-300))
