"""Where a language model is surprised: by place in the context, by source, by document.

Shape letters: B windows of a batch, T tokens, D documents, K bins.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from lmkit.evaluation.detail import Detail
from lmkit.labels import IGNORED

LEAST_BYTES = 32
"""Of a document among the most surprising, where any has as many."""


def by_context(nll: Tensor, labels: Tensor) -> list[NDArray[np.float64] | None]:
    """Sums over a batch by how many tokens a prediction was made from: the windows' first has them.

    Bin k holds the predictions from 2^k to 2^(k+1) - 1 tokens, the start token among them.

    Args:
        nll: nats of each token, (B, T), 0 where nothing is predicted.
        labels: (B, T), IGNORED there; label t is predicted from the t + 1 tokens up to it.

    Returns:
        B values: an array (2, K) of nats and predicted tokens, then None, so that the rows of a
        split stay small and sum to the same however they are batched.
    """
    sums = torch.stack([nll.double().sum(0), (labels != IGNORED).sum(0).double()])  # (2, T)
    whole = sums.cpu().numpy()
    starts = [(1 << k) - 1 for k in range(whole.shape[1].bit_length())]
    return [np.add.reduceat(whole, starts, axis=1), *[None] * (len(labels) - 1)]


def context_curve(sums: Sequence[NDArray[np.float64] | None]) -> Detail:
    """Loss by the tokens that were there to predict from.

    Args:
        sums: as `by_context` makes them, of a whole split.
    """
    parts = [part for part in sums if part is not None]
    total = np.zeros((2, max(part.shape[1] for part in parts)))
    for part in parts:
        total[:, : part.shape[1]] += part
    rows = [
        [1 << k, float(nats / count), int(count)]
        for k, (nats, count) in enumerate(total.T)
        if count
    ]
    return Detail(
        "loss_by_position", "Loss by tokens of context",
        "Mean nats of the tokens that were predicted from at least so many tokens (and fewer than "
        "twice as many): what more context is worth. A long document is read through a sliding "
        "window, so its later tokens are among those with much context.",
        "line", ["context_tokens", "loss"], [row[:2] for row in rows],
    )  # fmt: skip


def most_surprising(bits: ArrayLike, sizes: ArrayLike, count: int) -> list[int]:
    """The documents with the most bits a byte, the most surprising first.

    Args:
        bits: of each document, (D,).
        sizes: its UTF-8 bytes, (D,); documents of fewer than 32 are passed over where any has
            more, for a few bytes can cost any number of bits.
        count: how many at most.
    """
    total, size = np.asarray(bits, float), np.asarray(sizes, float)
    allowed = size >= LEAST_BYTES
    if not allowed.any():
        allowed = size > 0
    places = np.flatnonzero(allowed)
    ratio = np.round(total[places] / size[places], 4)
    found: list[int] = places[np.argsort(-ratio, kind="stable")[:count]].tolist()
    return found


def bits(nats: Any) -> Any:
    """Nats as bits."""
    return nats / math.log(2)
