"""The states of a recurrent model in the place of a transformer's keys and values.

`generate` of transformers and lmkit's own loops carry this cache as they carry any other: they pick
rows of it (beams, continuations that go on) and ask how much was read.
"""

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

State = tuple[Tensor, ...]
"""What one layer remembers of B rows: (B, H) the output and, of an LSTM, (B, H) the cell."""


class LayerStates(CacheLayerMixin):  # type: ignore[no-untyped-call] # not annotated
    """What one layer remembers; its size does not grow with what was read."""

    is_sliding = False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # not annotated
        self.read = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Take the first states."""
        self.keys, self.values = key_states, value_states
        self.is_initialized = True

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        *args: Any,  # noqa: ARG002 - their signature
        **kwargs: Any,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        """Put new states, (B, H) each, in the place of the old ones."""
        self.lazy_initialization(key_states, value_states)
        return key_states, value_states

    def get_seq_length(self) -> int:
        """Columns read, padding included."""
        return self.read

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """What a mask over all that was read would span."""
        return self.read + query_length, 0

    def get_max_length(self) -> int:
        """-1: nothing bounds it."""
        return -1

    def reset(self) -> None:
        """Forget everything."""
        self.keys = self.values = None
        self.is_initialized, self.read = False, 0

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat each row."""
        if self.keys is not None and self.values is not None:
            self.keys = self.keys.repeat_interleave(repeats, dim=0)
            self.values = self.values.repeat_interleave(repeats, dim=0)

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows."""
        if self.keys is not None and self.values is not None:
            self.keys, self.values = self.keys[indices], self.values[indices]


class RecurrentCache(Cache):
    """The states of all layers after the last token that each row has read."""

    def __init__(self, layers: int) -> None:
        self.kept = [LayerStates() for _ in range(layers)]
        super().__init__(layers=list(self.kept))

    def states(self) -> list[State] | None:
        """Those of each layer; None before anything was read."""
        found: list[State] = []
        for layer in self.kept:
            if layer.keys is None or layer.values is None:
                return None
            is_lstm = layer.values.shape[1] > 0  # a GRU has no cell
            found.append((layer.keys, layer.values) if is_lstm else (layer.keys,))
        return found

    def put(self, states: list[State], columns: int) -> None:
        """Take the states after `columns` more columns; no gradient flows back through them."""
        for layer, state in zip(self.kept, states, strict=True):
            hidden = state[0].detach()
            cell = state[1].detach() if len(state) > 1 else hidden.new_empty(len(hidden), 0)
            layer.update(hidden, cell)
            layer.read += columns

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Columns read, padding included."""
        return self.kept[layer_idx].read


def zero_state(rows: int, size: int, cell: str, like: Tensor) -> State:
    """The state before anything was read."""
    zero = torch.zeros(rows, size, dtype=like.dtype, device=like.device)
    return (zero, zero) if cell == "lstm" else (zero,)
