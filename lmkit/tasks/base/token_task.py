"""What tasks share that score tokens by an output head, whose logits are never held.

Shape letters: B rows of a batch, T tokens of its longest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import PreTrainedModel

from lmkit.labels import IGNORED
from lmkit.models.head import OutputHead
from lmkit.tasks.base.measured import OptionsT, Rows
from lmkit.tasks.base.task import Batch, Task


class TokenTask(Task[OptionsT]):
    """A task whose loss is the cross-entropy of tokens, by default that of `labels` (B, T)."""

    attached: OutputHead | None = None
    """That of the model, from `attach` to `detach`."""

    @property
    def head(self) -> OutputHead:
        """That of the attached model."""
        assert self.attached is not None, "attach comes first"
        return self.attached

    def attach(self, model: PreTrainedModel) -> None:
        """Leave out the logits that nobody needs."""
        self.attached = OutputHead(model)
        self.attached.attach()

    def detach(self, model: PreTrainedModel) -> None:  # noqa: ARG002 - the head knows its model
        """Give the model its logits back."""
        if self.attached is not None:
            self.attached.detach()
            self.attached = None

    @contextmanager
    def with_logits(self) -> Iterator[None]:
        """An attached model returns its logits until the block ends."""
        if self.attached is not None:
            self.attached.detach()
        try:
            yield
        finally:
            if self.attached is not None:
                self.attached.attach()

    def loss(self, outputs: Any, batch: Batch, label_smoothing: float = 0.0) -> torch.Tensor:
        """Summed cross-entropy in nats over the predicted tokens of (B, T)."""
        return self.head.loss(outputs.logits, batch["labels"], label_smoothing)

    @torch.no_grad()
    def reduce(self, outputs: Any, batch: Batch) -> Rows:
        """Summed nll in nats and number of predicted tokens of each row."""
        nll = self.head.nll(outputs.logits, batch["labels"])  # (B, T)
        return {
            "nll": nll.double().sum(1).tolist(),
            "count": (batch["labels"] != IGNORED).sum(1).tolist(),
        }
