"""Signs that training goes wrong, read from the logged series alone.

Every function is pure: the lines so far in, a verdict out, so all processes and every resume come
to the same one. They are made to keep still on healthy runs: what is noisy is compared by medians
and by its own spread, and one odd line is never a divergence. Lengths are counted in log lines.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

DIVERGENCES = ("loss_spike", "loss_rise", "exploding_gradient")
"""The kinds on which `train.on_divergence` acts; the others are told and no more."""

LINES = 200  # the last ones, that a verdict looks at
FIRST = 10  # the first ones, that tell how large losses and gradients are at the start
ENOUGH = 12  # lines before anything is said
WINDOW = 40  # lines that the last two are held against
BLOCK = 20  # lines of a median that a slow rise is seen by
SPREAD = 1.4826  # of the median absolute deviation of a normal distribution to its standard one
WHILE = 0.2  # of the run, in which a kind is told once


@dataclass(frozen=True)
class Alarm:
    """Something that goes wrong."""

    kind: str
    """`loss_spike`, `loss_rise`, `exploding_gradient`, `dead_gradient`, `plateau` or
    `overfitting`."""
    since: int
    """The step of the last line before it began."""
    text: str
    """What is seen, and what to try."""


def alarms(history: Sequence[Mapping[str, Any]], max_steps: int) -> list[Alarm]:
    """All that is wrong at the last line of a run.

    Args:
        history: the lines of training (`loss`, `grad_norm`, `learning_rate`) and of evaluation
            (`eval_loss`) so far, each with its `step`.
        max_steps: of the whole run.
    """
    lines = [line for line in _ends(history) if "loss" in line and math.isfinite(line["loss"])]
    evaluations = [line for line in history[-LINES:] if "eval_loss" in line]
    if not lines:
        return []
    steps = [int(line["step"]) for line in lines]
    losses = [float(line["loss"]) for line in lines]
    normed = [line for line in lines if math.isfinite(line.get("grad_norm", math.nan))]
    norms = [float(line["grad_norm"]) for line in normed]
    rates = [float(line.get("learning_rate", 0.0)) for line in lines]
    found = []
    if (began := loss_spike(losses)) is not None:
        found.append(_spike(losses, steps[began]))
    elif (began := loss_rise(losses)) is not None:
        found.append(_rise(losses, steps[began]))
    if (began := exploding_gradient(norms)) is not None:
        found.append(_explosion(norms, int(normed[began]["step"])))
    if dead_gradient(norms, losses):
        found.append(_death(norms, steps))
    span = steps[-1] - steps[max(0, len(steps) - 30)]
    if span >= WHILE * max_steps and plateau(losses, rates):
        found.append(_standstill(losses, steps))
    curve = [(int(line["step"]), float(line["eval_loss"])) for line in evaluations]
    if overfitting(list(zip(steps, losses, strict=True)), curve):
        found.append(_overfit(curve))
    return found


def loss_spike(losses: Sequence[float]) -> int | None:
    """The place of the last calm line, if the last two lie far above those before them.

    Far is beyond all of the 40 lines before by half their range, beyond their median by 8 times
    their spread, and by a quarter of the loss that training began with.
    """
    if len(losses) < ENOUGH:
        return None
    before = losses[-WINDOW - 2 : -2]
    middle = median(before)
    limit = max(
        max(before) + 0.5 * (max(before) - min(before)),
        middle + 8 * _spread(before),
        middle + 0.25 * _level(losses),
    )
    return len(losses) - 3 if min(losses[-2:]) > limit else None


def loss_rise(losses: Sequence[float]) -> int | None:
    """The place of the last line of the best block of 20, if the last block is far above it.

    That is a quarter of the loss that training began with, and twice the spread of a line.
    """
    blocks = [losses[end - BLOCK : end] for end in range(len(losses), BLOCK - 1, -BLOCK)]
    if len(blocks) < 2:
        return None
    middles = [median(block) for block in blocks]
    best = min(range(len(blocks)), key=middles.__getitem__)
    limit = middles[best] + max(0.25 * _level(losses), 2 * _spread(blocks[0]))
    return len(losses) - BLOCK * best - 1 if middles[0] > limit else None


def exploding_gradient(norms: Sequence[float]) -> int | None:
    """The place of the last calm line, if two norms in a row are 10 times any before them."""
    if len(norms) < ENOUGH:
        return None
    before = [*norms[:FIRST], *norms[-WINDOW - 2 : -2]]
    return len(norms) - 3 if min(norms[-2:]) > 10 * max(before) else None


def dead_gradient(norms: Sequence[float], losses: Sequence[float]) -> bool:
    """Whether five norms in a row are a millionth of the first ones, with much loss left."""
    if len(norms) < ENOUGH:
        return False
    left = losses[-1] > 0.05 * _level(losses)
    return left and max(norms[-5:]) <= 1e-6 * max(norms[:FIRST])


def plateau(losses: Sequence[float], rates: Sequence[float]) -> bool:
    """Whether the loss of the last 30 lines stands still although the learning rate is high.

    Still is a fall below 0.2 % of the loss that training began with, where noise would let a fall
    of 1 % be seen.
    """
    if len(losses) < 30 or min(rates[-30:]) < 0.3 * max(rates):
        return False
    level, first, last = _level(losses), losses[-30:-15], losses[-15:]
    error = 1.25 * max(_spread(first), _spread(last)) / math.sqrt(15)  # of a median
    seen = 2 * error < 0.01 * level
    return seen and median(first) - median(last) < 0.002 * level and median(last) > 0.1 * level


def overfitting(
    training: Sequence[tuple[int, float]], evaluation: Sequence[tuple[int, float]]
) -> bool:
    """Whether three evaluations in a row got worse while the training loss went on to fall.

    Args:
        training: (step, loss) of the training lines.
        evaluation: (step, loss) of the evaluations.
    """
    if len(evaluation) < 4:
        return False
    scores = [loss for _, loss in evaluation]
    best_step, best = min(evaluation, key=lambda found: found[1])
    rising = scores[-4] < scores[-3] < scores[-2] < scores[-1]
    if not rising or scores[-1] - best <= 0.02 * abs(best):
        return False
    after = [loss for step, loss in training if step > best_step]
    before = [loss for step, loss in training if step <= best_step][-len(after) :]
    return bool(after and before) and median(after) < median(before)


def is_new(kind: str, step: int, told: Sequence[Mapping[str, Any]], max_steps: int) -> bool:
    """Whether a kind was not told for a while (a fifth of the run).

    Args:
        kind: of an alarm.
        step: now.
        told: the incidents of the run.
        max_steps: of the whole run.
    """
    last = [one["step"] for one in told if (one["kind"], one["action"]) == (kind, "warn")]
    return not last or step - max(last) >= WHILE * max_steps


def _ends(history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first lines and the last, so that a verdict costs the same in a run of any length."""
    if len(history) <= LINES + 2 * FIRST:
        return list(history)
    return [*history[: 2 * FIRST], *history[-LINES:]]


def _level(losses: Sequence[float]) -> float:
    """The loss that training began with."""
    return abs(median(losses[:3]))


def _spread(values: Sequence[float]) -> float:
    """A robust standard deviation."""
    middle = median(values)
    return SPREAD * median([abs(value - middle) for value in values])


def _spike(losses: Sequence[float], since: int) -> Alarm:
    usual = median(losses[-WINDOW - 2 : -2])
    return Alarm(
        "loss_spike", since,
        f"the loss jumped from about {usual:.4g} to {losses[-1]:.4g} after step {since}; try a "
        "lower train.learning_rate, more train.warmup_steps or a train.max_grad_norm of 1 or "
        "below, and look at the data of these steps",
    )  # fmt: skip


def _rise(losses: Sequence[float], since: int) -> Alarm:
    return Alarm(
        "loss_rise", since,
        f"the loss has risen to about {median(losses[-BLOCK:]):.4g} since step {since}; try a "
        "lower train.learning_rate, or more train.warmup_steps",
    )  # fmt: skip


def _explosion(norms: Sequence[float], since: int) -> Alarm:
    return Alarm(
        "exploding_gradient", since,
        f"the gradient norm is {norms[-1]:.4g} after {median(norms[-WINDOW - 2 : -2]):.4g} up to "
        f"step {since}; try a lower train.learning_rate, more train.warmup_steps, or a "
        "train.max_grad_norm of 1 or below",
    )  # fmt: skip


def _death(norms: Sequence[float], steps: Sequence[int]) -> Alarm:
    return Alarm(
        "dead_gradient", steps[-6],
        f"the gradient norm is {norms[-1]:.4g}, so nothing is learned any more; try a lower "
        "train.learning_rate from the start, and see that what should learn is not frozen",
    )  # fmt: skip


def _standstill(losses: Sequence[float], steps: Sequence[int]) -> Alarm:
    since = steps[-30]
    return Alarm(
        "plateau", since,
        f"the loss stands at about {median(losses[-15:]):.4g} since step {since}; try another "
        "train.learning_rate (higher if it never fell, lower if it did), a larger model, or stop",
    )  # fmt: skip


def _overfit(curve: Sequence[tuple[int, float]]) -> Alarm:
    step, best = min(curve, key=lambda found: found[1])
    return Alarm(
        "overfitting", step,
        f"the loss on the validation data rises ({best:.4g} at step {step}, now "
        f"{curve[-1][1]:.4g}) while that on the training data falls; try fewer steps "
        "(train.early_stopping_patience), more data, dropout or train.weight_decay",
    )  # fmt: skip
