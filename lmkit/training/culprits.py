"""Which examples of a step made its loss what it is: each is scored by itself, without dropout."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lmkit.training.batches import Examples, MicroBatches, Order
from lmkit.training.incidents import Incident

OPENING = 80  # characters of an example that are told
NAMED = 3  # examples of a message


def score_alone(
    loss: Callable[[Mapping[str, Tensor]], float | None],
    batch: Callable[[list[dict[str, Any]]], Mapping[str, Tensor]],
    decode: Callable[[list[int]], str],
    examples: Examples,
    order: Order,
    step: int,
) -> list[Incident]:
    """This process's examples of a step.

    Args:
        loss: the mean loss of a batch of one example; None where it needs others beside it.
        batch: makes one of a list of features, on the device.
        decode: text of token ids.
        examples: all there are.
        order: theirs.
        step: optimizer steps before it.

    Returns:
        Of each example its number, the SHA-256 of its token ids, its opening and its loss.
    """
    epoch, place = divmod(step, order.steps)
    rows = MicroBatches(examples, order)
    found: list[Incident] = []
    for micro in range(order.plan(epoch).micro_batches(place)):
        for number in rows.indices((epoch, place, micro)):
            one = batch([examples[epoch, number]])
            ids = next((one[key].flatten().tolist() for key in one if "input_ids" in key), [])
            found.append(
                {
                    "rank": order.shape.rank, "epoch": epoch, "example": number,
                    "sha256": hashlib.sha256(str(ids).encode()).hexdigest(),
                    "opening": decode(ids)[:OPENING],
                    "loss": loss(one),
                }
            )  # fmt: skip
    return found


def mean_loss(task: Any, model: nn.Module, batch: Mapping[str, Tensor]) -> float | None:
    """The mean loss of a batch by itself; None for a task whose rows depend on one another."""
    if task.step_keys:
        return None
    with torch.no_grad():
        total = task.loss(task.forward(model, batch), batch)
    mean: float = total.item() / max(task.count(batch), 1)
    return mean


def named(examples: Sequence[Mapping[str, Any]]) -> str:
    """A sentence that names the first examples whose own loss is not finite; may be empty."""
    bad = [
        f"{one['example']} ({one['opening']!r})"
        for one in examples
        if one["loss"] is not None and not math.isfinite(one["loss"])
    ]
    more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    return f"The loss is not finite on example {', '.join(bad[:NAMED])}{more}. " if bad else ""
