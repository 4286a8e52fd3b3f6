"""Run a model over examples and keep a few numbers of each: exact, whatever the batch size.

Logits are reduced batch by batch as they come, so memory does not grow with rows times vocabulary.
Shape letters: N examples, B examples of a batch.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from lmkit import others
from lmkit.heap import give_back_memory

TRIMMED = 16
"""Batches after which free memory is given back: the few numbers that stay of each would else lie
between the large blocks, and the heap grow with the rows."""

Batch = dict[str, torch.Tensor]
Rows = dict[str, list[Any]]
Progress = Callable[[int, int], None]

ModelT_contra = TypeVar("ModelT_contra", bound=torch.nn.Module, contravariant=True)


class Scorable(Protocol[ModelT_contra]):
    """What scoring needs of a task."""

    def collate(self, features: list[dict[str, Any]]) -> Batch:
        """Pad B examples to one batch."""

    def infer(self, model: ModelT_contra, batch: Batch) -> Any:
        """The model's outputs for a batch."""

    def reduce(self, outputs: Any, batch: Batch) -> Rows:
        """A few values for each of the B examples, by name."""


class Indexed(Protocol):
    """Encoded examples."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each, (N,)."""

    def __len__(self) -> int:
        """How many examples there are."""

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """The example for (epoch, index)."""


ModelT = TypeVar("ModelT", bound=torch.nn.Module)


def score(
    model: ModelT,
    task: Scorable[ModelT],
    examples: Indexed,
    *,
    batch_size: int,
    rank: int = 0,
    world_size: int = 1,
    progress: Progress | None = None,
) -> Rows:
    """The task's rows of all N examples, in their order and on every process.

    Examples of similar length share a batch, so that little is padded; the longest come first, so
    that a batch which does not fit in memory fails at once. Process `rank` scores every
    `world_size`-th of them, none twice and with no collective between its batches; then all gather.

    Args:
        model: where it lies decides the device; its training mode is restored afterwards.
        task: pads, runs and reduces.
        examples: N of them, read as epoch 0.
        batch_size: the largest B.
        rank: this process.
        world_size: how many processes share the work (a process group must exist if more than 1).
        progress: called with (examples done, examples to do) of this process after each batch.
    """
    order = np.argsort(-np.asarray(examples.lengths), kind="stable")[rank::world_size]
    gathered: Rows = {"index": []}
    device = next(model.parameters()).device
    with evaluating(model):
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size].tolist()
            batch = task.collate([examples[0, index] for index in chosen])
            batch = {key: value.to(device, non_blocking=True) for key, value in batch.items()}
            for key, values in task.reduce(task.infer(model, batch), batch).items():
                assert len(values) == len(chosen), key
                gathered.setdefault(key, []).extend(values)
            gathered["index"].extend(chosen)
            if start // batch_size % TRIMMED == TRIMMED - 1:
                give_back_memory()
            if progress is not None:
                progress(len(gathered["index"]), len(order))
    return _in_order(_gather(gathered, world_size))


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """No dropout and no gradients, until the block ends.

    `no_grad`, not `inference_mode`: buffers that a model makes in its first forward (rotary tables)
    would be unusable in the training that goes on after an evaluation.
    """
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


def _gather(rows: Rows, world_size: int) -> list[Rows]:
    """The rows of every process, on every process."""
    if world_size == 1:
        return [rows]
    others.meet()  # shares of the work take unequal times
    parts: list[Any] = [None] * world_size
    torch.distributed.all_gather_object(parts, rows)
    return parts


def _in_order(parts: list[Rows]) -> Rows:
    """All rows by ascending index; the index itself is dropped."""
    indexes = np.concatenate([np.asarray(part["index"], dtype=np.int64) for part in parts])
    places = np.argsort(indexes)  # (N,) where the row of example i stands
    keys = dict.fromkeys(key for part in parts for key in part if key != "index")
    rows: Rows = {}
    for key in keys:
        values = [value for part in parts for value in part.get(key, [])]
        rows[key] = [values[place] for place in places.tolist()]
    return rows
