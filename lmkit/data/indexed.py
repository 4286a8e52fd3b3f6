"""What every kind of training and scored data is in the end: examples that can be indexed."""

from typing import Any, Protocol

import numpy as np


class Indexed(Protocol):
    """Encoded examples, read by (epoch, index); one depends on its key, never on global state."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example, (N,), so that batches can be made of similar lengths."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """The example for (epoch, index); the epoch matters where something is drawn (masks)."""
