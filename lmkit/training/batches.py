"""The training loader: which examples each micro-batch of each step holds, and fetching them.

The sampler yields keys (epoch, step, micro-batch), not indices, so that skipping to step s on
resume costs next to nothing; which examples a key stands for is a function of seed and epoch
(`BatchPlan`). A rank without rows in the last, shorter step runs a batch that counts zero.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler

from lmkit.data.indexed import Indexed
from lmkit.data.order import BatchPlan
from lmkit.labels import IGNORED

Key = tuple[int, int, int]
Features = dict[str, Any]


Examples = Indexed
"""What batches are made of."""


@runtime_checkable
class Varying(Protocol):
    """Examples of which an epoch holds others than the next one, as many of them."""

    def lengths_in(self, epoch: int) -> np.ndarray:
        """Tokens of each example of one epoch."""


@dataclass(frozen=True)
class BatchShape:
    """How the sequences of a step are dealt out: total = micro x processes x accumulation."""

    total: int
    micro: int
    world_size: int = 1
    rank: int = 0

    @property
    def accumulation(self) -> int:
        """Micro-batches that each process runs for one optimizer step."""
        return -(-self.total // (self.micro * self.world_size))


class Order:
    """The batch plans of a run, one an epoch, made when first asked for."""

    def __init__(
        self,
        examples: Examples,
        shape: BatchShape,
        *,
        seed: int,
        strategy: str,
        steps: int | None = None,
    ) -> None:
        """Take what the plans are made from.

        Args:
            examples: to be ordered.
            shape: of a step.
            seed: of the order.
            strategy: `train.train_sampling_strategy`.
            steps: of an epoch; left out, as many as it takes for all examples.
        """
        self.shape = shape
        self.size = len(examples) if steps is None else steps * shape.total
        self.seed = seed
        self.shuffle = strategy != "sequential"
        self.examples = examples if strategy == "group_by_length" else None
        self._made: dict[int, BatchPlan] = {}
        self.entered = (0, 0)
        """The epoch in which a resumed run goes on, and how many steps of it are done."""

    def plan(self, epoch: int) -> BatchPlan:
        """The plan of one epoch; the last is kept, since epochs are read in order."""
        if epoch not in self._made:
            self._made = {epoch: self._plan(epoch)}
        return self._made[epoch]

    def _plan(self, epoch: int) -> BatchPlan:
        return BatchPlan(
            self.size, self.shape.total, self.shape.micro, self.shape.world_size,
            seed=self.seed, epoch=epoch, lengths=self._lengths(epoch), shuffle=self.shuffle,
        )  # fmt: skip

    def _lengths(self, epoch: int) -> np.ndarray | None:
        """What the batches of an epoch are grouped by; None where they are not."""
        if self.examples is None:
            return None
        if isinstance(self.examples, Varying):
            return self.examples.lengths_in(epoch)
        return self.examples.lengths

    def enter(self, step: int) -> None:
        """Go on after so many optimizer steps of the run."""
        self.entered = divmod(step, self.steps)

    @property
    def steps(self) -> int:
        """Optimizer steps of an epoch."""
        return -(-self.size // self.shape.total)


class KeySampler(Sampler[list[Key]]):
    """The keys of an epoch's micro-batches, in order, for one process."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Trainer before each pass."""
        self.epoch = epoch

    def __len__(self) -> int:
        plan = self.order.plan(self.epoch)
        return (plan.steps - 1) * self.order.shape.accumulation + plan.micro_batches(plan.steps - 1)

    def __iter__(self) -> Iterator[list[Key]]:
        plan = self.order.plan(self.epoch)
        epoch, done = self.order.entered
        begin = done if epoch == self.epoch else 0
        # Trainer lets go of what is done one by one: no key of it is made, and a million take
        # less than a tenth of a second.
        yield from repeat([], begin * self.order.shape.accumulation)
        for step in range(begin, plan.steps):
            for micro in range(plan.micro_batches(step)):
                yield [(self.epoch, step, micro)]


class MicroBatches(Dataset[Features]):
    """Turns a key into the examples of that micro-batch on this process."""

    def __init__(self, examples: Examples, order: Order) -> None:
        self.examples, self.order = examples, order

    def __len__(self) -> int:
        return len(self.examples)

    def indices(self, key: Key) -> list[int]:
        """The example numbers behind a key; may be empty."""
        epoch, step, micro = key
        return self.order.plan(epoch).indices(step, micro, self.order.shape.rank)

    def __getitems__(self, keys: list[Key]) -> list[Features]:
        """The features of one micro-batch, filled up to `micro` with rows that count nothing.

        Filled batches keep their shape, so a compiled model is not compiled again for the last one.
        """
        (key,) = keys
        features = [self.examples[key[0], index] for index in self.indices(key)]
        template = features[0] if features else self.examples[key[0], 0]
        blank = _uncounted(template)
        return features + [blank] * (self.order.shape.micro - len(features))


class TrainLoader(DataLoader[Any]):
    """A `DataLoader` that hands the epoch on to its sampler."""

    def set_epoch(self, epoch: int) -> None:
        """Called by Trainer before each pass."""
        self.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]  # always a KeySampler


def train_loader(
    examples: Examples, order: Order, collate: Callable[[list[Features]], Any], **options: Any
) -> TrainLoader:
    """The loader of one process; `options` are those of `DataLoader` (workers, pinning, ...)."""
    return TrainLoader(
        MicroBatches(examples, order),
        batch_sampler=KeySampler(order),
        collate_fn=collate,
        **options,
    )


def _uncounted(features: Features) -> Features:
    """The same features with nothing to predict."""
    labels = features["labels"]
    blank = np.full_like(labels, IGNORED) if isinstance(labels, np.ndarray) else IGNORED
    return {**features, "labels": blank}
