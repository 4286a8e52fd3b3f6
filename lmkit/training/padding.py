"""How much of the training batches is padding, reckoned from lengths: no text is read for it."""

from collections.abc import Callable, Sequence

import numpy as np

from lmkit.training.batches import Order

RUNS = 10  # of consecutive steps, evenly over the epoch, where there are more than can be looked at
CELLS = 1000  # micro-batches looked at


def padding_share(
    lengths: np.ndarray,
    order: Order,
    batch_length: Callable[[int], int],
    padded: Callable[[Sequence[int]], int] | None = None,
) -> float:
    """The share of the places in the batches of the first epoch that hold no token of an example.

    Exact for an epoch of few micro-batches, else from a thousand of them.

    Args:
        lengths: (N,) tokens of each example.
        order: which examples share a batch.
        batch_length: the length of a batch by that of its longest example (`Task.batch_length`).
        padded: the places that some examples take in one batch, where they hold several sequences.
    """
    plan, shape = order.plan(0), order.shape
    held = places = 0
    for step in _steps(plan.steps, shape.accumulation * shape.world_size):
        for micro in range(plan.micro_batches(step)):
            for rank in range(shape.world_size):
                found = np.asarray(lengths[plan.indices(step, micro, rank)])
                if padded is not None and len(found):
                    held += int(found.sum())
                    places += padded(plan.indices(step, micro, rank)) * shape.micro // len(found)
                    continue
                longest = found.max() if len(found) else lengths[0]  # none: a blank batch
                held += int(found.sum())
                places += shape.micro * batch_length(int(longest))
    return 1 - held / places


def _steps(total: int, cells: int) -> Sequence[int]:
    """The steps of an epoch to look at, each of so many micro-batches over all processes."""
    run = max(1, CELLS // cells // RUNS)
    if total <= RUNS * run:
        return range(total)
    # Whole runs, because grouping by length sorts the examples of consecutive steps together.
    starts = [(total - run) * number // (RUNS - 1) for number in range(RUNS)]
    return [start + place for start in starts for place in range(run)]
