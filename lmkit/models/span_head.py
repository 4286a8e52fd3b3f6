"""The loss of a head that chooses where a span begins and where it ends.

Padding has no share in either choice, so no number depends on it; transformers' own loss lets it
take part. Shape letters: B windows, T tokens of the longest.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lmkit.labels import IGNORED


def own_tokens(batch: Mapping[str, Tensor]) -> Tensor:
    """(B, T) the tokens that are not padding."""
    if "attention_mask" in batch:
        return batch["attention_mask"].bool()
    return torch.ones_like(batch["input_ids"], dtype=torch.bool)


def span_loss(outputs: Any, batch: Mapping[str, Tensor], label_smoothing: float) -> Tensor:
    """Summed cross-entropy in nats over both ends of the windows that are not IGNORED.

    Args:
        outputs: `start_logits` and `end_logits`, (B, T).
        batch: `labels` (B, 2), and `attention_mask` (B, T) where there is padding.
        label_smoothing: e in (1 - e) * nll + e * mean over the window's tokens of -log p.
    """
    counted = batch["labels"][:, 0] != IGNORED
    own, labels = own_tokens(batch)[counted], batch["labels"][counted]
    total: Tensor = outputs.start_logits.new_zeros((), dtype=torch.float32)
    for side, logits in enumerate((outputs.start_logits, outputs.end_logits)):
        shares = _log_shares(logits[counted].float(), own)  # (B, T)
        total = total - (1 - label_smoothing) * shares.gather(1, labels[:, side, None]).sum()
        if label_smoothing:
            means = shares.masked_fill(~own, 0.0).sum(-1) / own.sum(-1)
            total = total - label_smoothing * means.sum()
    return total


def span_nll(outputs: Any, batch: Mapping[str, Tensor]) -> tuple[list[float], list[int]]:
    """Of each window the negative log-likelihood in nats of both ends, and how many are counted."""
    labels = batch["labels"]
    own, counted = own_tokens(batch), labels != IGNORED  # (B, T), (B, 2)
    nll = torch.zeros(len(labels), dtype=torch.float64, device=labels.device)
    for side, logits in enumerate((outputs.start_logits, outputs.end_logits)):
        shares = _log_shares(logits.double(), own)
        picked = shares.gather(1, labels[:, side, None].clamp(min=0))[:, 0]
        nll -= torch.where(counted[:, side], picked, 0.0)
    return nll.tolist(), counted.sum(-1).tolist()


def _log_shares(logits: Tensor, own: Tensor) -> Tensor:
    """(B, T) the logarithm of each token's share; -inf for padding."""
    return logits.masked_fill(~own, -torch.inf).log_softmax(-1)
