"""Keys and values with room to grow: a step writes its own and copies none of those before.

transformers' `DynamicLayer` joins all keys and values with the new ones at each step, which for a
large batch costs as much as the model itself. Shape letters: B texts, H heads, T tokens, D width.
"""

from typing import Any

import torch
from torch import LongTensor, Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

ROOM = 64
"""Tokens that fit before everything is copied to a larger place."""


class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call] # not annotated
    """As `DynamicLayer`; its `keys` and `values` (B, H, T, D) are views of larger tensors."""

    _places: tuple[Tensor, Tensor] | None = None

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        *args: Any,  # noqa: ARG002 - their signature
        **kwargs: Any,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        """Put the new ones behind those that are there, and give back all."""
        if not self.is_initialized or not self.get_seq_length():
            return super().update(key_states, value_states)
        before = self.get_seq_length()
        after = before + key_states.shape[-2]
        assert self.keys is not None
        assert self.values is not None
        if self._places is None or self._places[0].shape[-2] < after:
            self._places = (_larger(self.keys, after + ROOM), _larger(self.values, after + ROOM))
        keys, values = self._places
        keys[:, :, before:after] = key_states
        values[:, :, before:after] = value_states
        self.keys, self.values = keys[:, :, :after], values[:, :, :after]
        return self.keys, self.values

    def reorder_cache(self, beam_idx: LongTensor) -> None:
        """Keep these rows, in this order."""
        super().reorder_cache(beam_idx)
        self._places = None

    def drop_first(self, count: int) -> None:
        """Forget the first tokens of all rows."""
        assert self.keys is not None
        assert self.values is not None
        self.keys, self.values = self.keys[:, :, count:], self.values[:, :, count:]
        self._places = None

    def join(self, other: "GrowingLayer", length: int) -> None:
        """Put the rows of another layer below; zeros stand before what is shorter than `length`."""
        pairs = (self.keys, other.keys), (self.values, other.values)
        self.keys, self.values = (torch.cat([_behind(x, length) for x in pair]) for pair in pairs)
        self._places = None


def with_room(cache: Any) -> Any:
    """The cache of a first pass, with layers that grow in the places of those that copy.

    Layers of any other kind (sliding windows, states) stay as they are.
    """
    if type(cache) is DynamicCache:
        layers: list[Any] = cache.layers
        for place, layer in enumerate(layers):
            if type(layer) is DynamicLayer and layer.is_initialized:
                grows: Any = GrowingLayer()  # type: ignore[no-untyped-call] # as above
                grows.lazy_initialization(layer.keys, layer.values)
                grows.keys, grows.values = layer.keys, layer.values
                layers[place] = grows
    return cache


def _larger(states: Tensor, length: int) -> Tensor:
    """A tensor for `length` tokens that begins with these."""
    batch, heads, held, width = states.shape
    place = states.new_empty(batch, heads, length, width)
    place[:, :, :held] = states
    return place


def _behind(states: Any, length: int) -> Tensor:
    """The tokens behind zeros, `length` with them."""
    return torch.nn.functional.pad(states, (0, 0, length - states.shape[-2], 0))
