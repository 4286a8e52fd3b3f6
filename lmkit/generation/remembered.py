"""What the model has read of a text, kept for the next text that begins as that one did.

The keys and values of a token depend on the tokens before it alone, so that those of a common
beginning serve both texts: in a talk all but the last message.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from transformers import PreTrainedConfig
from transformers.cache_utils import DynamicCache, DynamicSlidingWindowLayer

from lmkit.generation.cache import GrowingLayer

MOVING = frozenset({"dynamic", "longrope"})
"""Positions by these (RoPE) turn all keys otherwise once a text is longer than those trained on."""


class Remembered:
    """The cache of one text."""

    def __init__(self, config: PreTrainedConfig) -> None:
        """Begin without a text.

        Args:
            config: of the model; where it turns keys by the length of the text nothing is kept.
        """
        self._serves = not _moving(config)
        self._ids: list[int] = []
        self._cache: Any = None

    def keep(self, ids: Sequence[int], cache: Any) -> None:
        """Hold the cache of a text, of which these tokens were read to the end.

        Only keys and values of full attention and of sliding windows are held.
        """
        if self._serves and type(cache) is DynamicCache and _layers(cache):
            self._ids, self._cache = list(ids), cache

    def take(self, ids: Sequence[int]) -> tuple[Any, int]:
        """The cache cut to what `ids` has in common with its text, and how many tokens that are.

        At least the last of `ids` is left to read, so that there are logits of it. The cache is
        the caller's from here on; (None, 0) where nothing is known.
        """
        held, cache = self._ids, self._cache
        self._ids, self._cache = [], None
        if cache is None:
            return None, 0
        pairs = zip(held, ids[:-1], strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        if same == 0 or not all(_cut(layer, same) for layer in _layers(cache)):
            return None, 0
        return cache, same


def _layers(cache: DynamicCache) -> list[Any]:
    """The layers that hold something, or none where one of them cannot be cut."""
    every: list[Any] = cache.layers
    layers = [layer for layer in every if layer.is_initialized]
    right = all(type(layer) in (GrowingLayer, DynamicSlidingWindowLayer) for layer in layers)
    return layers if right else []


def _cut(layer: Any, length: int) -> bool:
    """Leave a layer its first tokens; whether it still has them.

    A text that was stopped in the middle of a step has that step's token in some layers only, and
    a sliding window may have counted it already without holding it.
    """
    counted = layer.get_seq_length()
    if layer.is_sliding:
        room = layer.sliding_window - 1
        if layer.keys.shape[-2] != min(counted, room) or (counted > length and counted > room):
            return False
    if counted > length:
        layer.crop(length - counted)
    return True


def _moving(config: PreTrainedConfig) -> bool:
    """Whether the keys of a long text are turned otherwise than those of a short one."""
    given: Any = getattr(config.get_text_config(), "rope_parameters", None) or {}
    kinds = [given, *(part for part in given.values() if isinstance(part, dict))]
    return any(kind.get("rope_type") in MOVING for kind in kinds)
