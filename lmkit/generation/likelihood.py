"""How likely a causal model finds each of several continuations of a prompt.

The prompt is read once: its keys and values are kept while one continuation after the other is read
behind it. A model that keeps none, or only those of a window, reads prompt and continuation
together each time. Shape letters: B prompts, T tokens of the longest, C continuations, L tokens of
one, V vocabulary.
"""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lmkit.generation.batching import right_padded
from lmkit.generation.decoding import RELATIVE_POSITIONS, CausalDecoder
from lmkit.models.inputs import model_inputs
from lmkit.models.inspecting import first_position


def log_likelihoods(
    model: PreTrainedModel, ids: Tensor, mask: Tensor, continuations: Sequence[Sequence[int]]
) -> Tensor:
    """Log P(continuation | prompt), summed over its tokens, in nats.

    Args:
        model: causal.
        ids: the prompts, (B, T), padded on the left.
        mask: 1 at their tokens, (B, T).
        continuations: C of them, the same for all prompts, each of a token or more.

    Returns:
        (B, C) float64.
    """
    found = _with_cache(model, ids, mask, continuations) if _keeps_all(model) else None
    if found is None:
        found = [_together(model, ids, mask, continuation) for continuation in continuations]
    return torch.stack(found, 1)


def _keeps_all(model: PreTrainedModel) -> bool:
    """Whether a prompt that is padded on the left can be read once and gone on with."""
    parameters = inspect.signature(model.forward).parameters
    relative = model.config.model_type in RELATIVE_POSITIONS
    return CausalDecoder.serves(model) and (relative or "position_ids" in parameters)


def _with_cache(
    model: PreTrainedModel, ids: Tensor, mask: Tensor, continuations: Sequence[Sequence[int]]
) -> list[Tensor] | None:
    """(B,) of each continuation; None where the model's cache cannot be set back."""
    parameters = inspect.signature(model.forward).parameters
    positions = (mask.cumsum(-1) - 1).clamp(min=0) + first_position(model.config)  # (B, T)

    def read(tokens: Tensor, at: Tensor, seen: Tensor, cache: Any, keep: int) -> Any:
        inputs = {"input_ids": tokens, "attention_mask": seen, "past_key_values": cache}
        if "position_ids" in parameters:
            inputs["position_ids"] = at
        if "logits_to_keep" in parameters:
            inputs["logits_to_keep"] = keep
        return model(**inputs, use_cache=True)

    outputs = read(ids, positions, mask, None, 1)
    cache = outputs.past_key_values
    if not hasattr(cache, "crop") or any(getattr(cache, "is_sliding", [True])):
        return None
    first = outputs.logits[:, -1:].double().log_softmax(-1)  # (B, 1, V)
    found = []
    for continuation in continuations:
        tokens = ids.new_tensor(continuation).expand(len(ids), -1)  # (B, L)
        logs = first
        if (more := len(continuation) - 1) > 0:
            at = positions[:, -1:] + 1 + torch.arange(more, device=ids.device)
            seen = torch.cat([mask, mask.new_ones(len(ids), more)], -1)
            logits = read(tokens[:, :-1], at, seen, cache, more).logits[:, -more:]
            cache.crop(-more)
            logs = torch.cat([first, logits.double().log_softmax(-1)], 1)  # (B, L, V)
        found.append(logs.gather(-1, tokens[..., None]).sum((1, 2)))
    return found


def _together(
    model: PreTrainedModel, ids: Tensor, mask: Tensor, continuation: Sequence[int]
) -> Tensor:
    """(B,) from prompt and continuation in one piece, padded on the right, where nothing looks."""
    prompts = [row[kept.bool()].tolist() for row, kept in zip(ids, mask, strict=True)]
    whole, seen = right_padded([[*prompt, *continuation] for prompt in prompts])
    batch = {"input_ids": whole.to(ids.device), "attention_mask": seen.to(ids.device)}
    logits = model(**model_inputs(model, batch)).logits
    found = []
    for row, prompt in enumerate(prompts):
        start = len(prompt) - 1
        logs = logits[row, start : start + len(continuation)].double().log_softmax(-1)  # (L, V)
        found.append(logs.gather(-1, ids.new_tensor(continuation)[:, None]).sum())
    return torch.stack(found)
