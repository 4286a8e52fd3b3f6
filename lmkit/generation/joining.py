"""Texts that begin at any time, written side by side: a step is one forward pass for all of them.

A text that comes is read, and its keys and values are put beside those of the texts that are open;
one that ends leaves them. Shorter texts are padded on the left, and no padding stands before the
longest. Shape letters: B texts, H heads, T tokens, D width, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from lmkit.generation.batching import left_padded
from lmkit.generation.cache import GrowingLayer, with_room
from lmkit.generation.continuation import Continuation
from lmkit.generation.decoding import CausalDecoder
from lmkit.generation.sampling import Chooser, Strategy


class JoiningText:
    """One of the texts: what it is to be, and whether somebody still wants it."""

    def __init__(self, row: Continuation, strategy: Strategy, ends: frozenset[int]) -> None:
        self.row = row
        self.ends = ends
        self.left = False
        self._chooser = Chooser(strategy, [row.key], row.limit, [row.ids])

    @property
    def open(self) -> bool:
        """Whether a token is to follow."""
        return self.row.finish is None and not self.left

    def push(self, logits: Tensor) -> int:
        """Take the next token by its logits (1, V)."""
        token = int(self._chooser.choose(logits))
        self.row.push(token, self.ends)
        return token


@dataclass
class _State:
    """B texts in the middle of a step."""

    texts: list[JoiningText]
    cache: Any
    mask: Tensor
    """(B, T), 1 at the tokens of the cache."""
    positions: Tensor
    """(B, 1), of the last of them."""
    ids: Tensor
    """(B, 1), chosen and not yet read."""


class JoiningDecoder(CausalDecoder):
    """Writes texts that come and go."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Take a model for which `joins` is true."""
        super().__init__(model, Strategy(), frozenset())
        self._state: _State | None = None

    @staticmethod
    @torch.inference_mode()
    def joins(model: PreTrainedModel) -> bool:
        """Whether texts can be put beside others: a step shows what kind of cache the model has."""
        if (
            not CausalDecoder.serves(model)
            or CausalDecoder(model, Strategy(), frozenset()).one_length
        ):
            return False
        first = torch.zeros(1, 1, dtype=torch.long, device=model.device)
        cache = with_room(model(input_ids=first, use_cache=True).past_key_values)
        return type(cache) is DynamicCache and all(type(k) is GrowingLayer for k in cache.layers)

    @property
    def texts(self) -> list[JoiningText]:
        """Those that are open."""
        return [] if self._state is None else self._state.texts

    @torch.inference_mode()
    def admit(self, texts: Sequence[JoiningText]) -> None:
        """Read new texts and write the first token of each.

        Raises:
            LmkitError: logits are not finite; none of them has been added.
        """
        device = self.model.device
        ids, mask = (part.to(device) for part in left_padded([text.row.ids for text in texts]))
        positions = (mask.cumsum(-1) - 1).clamp(min=0) + self.first_position
        outputs = self.model(**self._inputs(ids, positions, _needed(mask), None))
        cache = with_room(outputs.past_key_values)
        tokens = _choose(texts, outputs.logits, device)
        new = _narrowed(_State(list(texts), cache, mask, positions[:, -1:], tokens))
        state, self._state = self._state, None  # what fails between the two leaves neither
        self._state = _joined(state, new) if state and new else state or new

    @torch.inference_mode()
    def step(self) -> None:
        """Write a token of each open text.

        Raises:
            LmkitError: logits are not finite; no text is left.
        """
        state, self._state = self._state, None
        state = _narrowed(state) if state else None
        if state is None:
            return
        state.mask = torch.cat([state.mask, state.mask.new_ones(len(state.texts), 1)], -1)
        state.positions = state.positions + 1
        inputs = self._inputs(state.ids, state.positions, _needed(state.mask), state.cache)
        outputs = self.model(**inputs)
        state.cache = outputs.past_key_values
        state.ids = _choose(state.texts, outputs.logits, self.model.device)
        self._state = _narrowed(state)


def _needed(mask: Tensor) -> Tensor | None:
    """The mask where it hides something: none is the fastest path of the attention kernels."""
    return None if bool(mask.all()) else mask


def _choose(texts: Sequence[JoiningText], logits: Tensor, device: torch.device) -> Tensor:
    """The next tokens (B, 1) by logits (B, T, V)."""
    last = logits[:, -1:].float()
    tokens = [text.push(scores) for text, scores in zip(texts, last, strict=True)]
    return torch.tensor(tokens, device=device)[:, None]


def _narrowed(state: _State) -> _State | None:
    """The texts that are open, without the padding that stood before those that are not."""
    places = [place for place, text in enumerate(state.texts) if text.open]
    if len(places) == len(state.texts):
        return state
    if not places:
        return None
    kept = torch.tensor(places, device=state.mask.device)
    state.cache.reorder_cache(kept)
    mask = state.mask[kept]
    first = int(mask.any(0).int().argmax())
    for layer in state.cache.layers:
        layer.drop_first(first)
    texts = [state.texts[place] for place in places]
    return _State(texts, state.cache, mask[:, first:], state.positions[kept], state.ids[kept])


def _joined(state: _State, new: _State) -> _State:
    """Both side by side."""
    length = max(state.mask.shape[1], new.mask.shape[1])
    for layer, other in zip(state.cache.layers, new.cache.layers, strict=True):
        layer.join(other, length)
    masks = [
        torch.nn.functional.pad(mask, (length - mask.shape[1], 0))
        for mask in (state.mask, new.mask)
    ]
    return _State(
        [*state.texts, *new.texts],
        state.cache,
        torch.cat(masks),
        torch.cat([state.positions, new.positions]),
        torch.cat([state.ids, new.ids]),
    )
