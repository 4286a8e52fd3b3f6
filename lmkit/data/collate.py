"""Examples of different lengths made into one batch of tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch


def pad_batch(
    features: Sequence[Mapping[str, Any]],
    *,
    pad_values: Mapping[str, int],
    pad_to_multiple: int | None = None,
    attention_mask: bool = False,
) -> dict[str, torch.Tensor]:
    """Stack B examples, each sequence filled up on the right to the longest of its name.

    Args:
        features: Examples with the same names. A sequence is a one-dimensional array or list of
            integers; anything else is one number an example.
        pad_values: What to fill up with, for each name that is a sequence.
        pad_to_multiple: Round the length up to a multiple of this.
        attention_mask: Add `attention_mask`: 1 where `input_ids` are an example's own, else 0.

    Returns:
        Sequences as (B, T) int64; integers as (B,) int64, other numbers as (B,) float32.

    Raises:
        KeyError: A sequence has no pad value.
    """
    batch: dict[str, torch.Tensor] = {}
    for name, first in features[0].items():
        values = [feature[name] for feature in features]
        if np.ndim(first):
            padded, lengths = _pad(values, pad_values[name], pad_to_multiple or 1)
            batch[name] = torch.from_numpy(padded)
            if attention_mask and name == "input_ids":
                real = np.arange(padded.shape[1]) < lengths[:, None]  # (B, T)
                batch["attention_mask"] = torch.from_numpy(real.astype(np.int64))
        else:
            integral = isinstance(first, int | np.integer)
            batch[name] = torch.tensor(values, dtype=torch.int64 if integral else torch.float32)
    return batch


def _pad(
    values: Sequence[Any], pad_value: int, multiple: int
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.int64]]]:
    """Sequences as one (B, T) array, and their own lengths (B,)."""
    lengths = np.array([len(value) for value in values], dtype=np.int64)
    longest = -(-int(lengths.max()) // multiple) * multiple
    padded = np.full((len(values), longest), pad_value, dtype=np.int64)
    for row, value in zip(padded, values, strict=True):
        row[: len(value)] = value
    return padded, lengths
