"""Losses in which the rows of an optimizer step depend on one another, as in-batch negatives do.

A step may be cut into micro-batches and shared by processes; the loss is still that of all its rows
together (GradCache: Gao et al. 2021, section 3, arXiv:2101.06983). First all micro-batches are run
without gradients, and what the model makes of them (a vector or so a row) is gathered; then the
gradient of the loss by those outputs is computed, and each micro-batch is run again to carry its
part of it into the weights. Dropout draws the same both times. A step of one micro-batch is run
once. Shape letters: B rows of a micro-batch; outputs are (B, ...).
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

Batch = dict[str, Tensor]


class Joint(Protocol):
    """What is needed of a task."""

    @property
    def step_keys(self) -> tuple[str, ...]:
        """The keys of a batch that the loss of a whole step needs beside the outputs."""

    def forward(self, model: Any, batch: Batch) -> Any:
        """The model's outputs, (B, ...)."""

    def loss(self, outputs: Any, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        """The objective, summed over the predicted items."""


class WholeStep:
    """The loss of one optimizer step after the other."""

    def __init__(
        self, task: Joint, to_device: Callable[[Batch], Batch], *, smoothing: float,
        world_size: int, rank: int,
    ) -> None:  # fmt: skip
        """Take what stays the same.

        Args:
            task: whose loss it is.
            to_device: moves a batch to the model.
            smoothing: of the labels.
            world_size: how many processes share a step.
            rank: this one.
        """
        self._task, self._to_device, self._smoothing = task, to_device, smoothing
        self._world_size, self._rank = world_size, rank
        self._batches: list[Batch] = []
        self._waiting: deque[tuple[Tensor, _RandomState]] = deque()
        self._share = torch.zeros(())

    def begin(self, batches: Sequence[Batch]) -> None:
        """Take this process's micro-batches of the next step, as many as the other processes'."""
        self._batches = list(batches)
        self._waiting.clear()

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """The share of the next micro-batch in the loss of the step.

        Over all micro-batches and processes the shares add up to that loss, in value and in
        gradient.
        """
        if len(self._batches) == 1:
            outputs = self._task.forward(model, batch)
            total = self._total([outputs], [batch])
            return total - total.detach() + total.detach() / self._world_size
        if not self._waiting:
            # Only now: on a resume the random state is restored after the batches were fetched.
            self._look_ahead(model)
        gradient, state = self._waiting.popleft()
        state.restore()
        outputs = self._task.forward(model, batch)
        carried: Tensor = (outputs * gradient).sum()
        return carried - carried.detach() + self._share

    def _look_ahead(self, model: nn.Module) -> None:
        """The outputs of all micro-batches, the loss, and its gradient by each of them."""
        outputs, states, batches = [], [], []
        with torch.no_grad():
            for batch in map(self._to_device, self._batches):
                states.append(_RandomState(next(iter(batch.values())).device))
                outputs.append(self._task.forward(model, batch))
                batches.append({key: batch[key] for key in self._task.step_keys})
        torch.clear_autocast_cache()  # it holds weights without a gradient now
        for output in outputs:
            output.requires_grad_()
        with torch.enable_grad():
            total = self._total(outputs, batches)
        gradients = torch.autograd.grad(total, outputs)
        self._share = total.detach() / (len(outputs) * self._world_size)
        self._waiting.extend(zip(gradients, states, strict=True))

    def _total(self, outputs: Sequence[Tensor], batches: Sequence[Batch]) -> Tensor:
        """The loss of all rows of the step; its gradient reaches this process's outputs alone."""
        rows = self._joined(torch.cat(list(outputs)))
        keys = self._task.step_keys
        known = {key: self._joined(torch.cat([batch[key] for batch in batches])) for key in keys}
        return self._task.loss(rows, known, self._smoothing)

    def _joined(self, own: Tensor) -> Tensor:
        """The rows of all processes, in the order of their ranks."""
        if self._world_size == 1:
            return own
        parts = [torch.empty_like(own) for _ in range(self._world_size)]
        torch.distributed.all_gather(parts, own.detach().contiguous())
        parts[self._rank] = own
        return torch.cat(parts)


class _RandomState:
    """What dropout draws from, as it was."""

    def __init__(self, device: torch.device) -> None:
        self._cpu = torch.get_rng_state()
        self._device = device
        self._cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore(self) -> None:
        """Draw the same again."""
        torch.set_rng_state(self._cpu)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self._device)
