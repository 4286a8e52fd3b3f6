"""Which attention kernel training uses: plain matrix products where torch's fused one is slower.

torch's fused attention for CPUs saves memory on long sequences. In bfloat16 and at a few hundred
tokens its backward pass costs two to four times that of plain products (`eager`), with which a
step of a BERT 192 wide took half the time. On GPUs, in float32 and where the scores outgrow the
processor's cache the fused one wins, so transformers' own choice stays.
"""

from collections.abc import Callable
from typing import NamedTuple

from transformers import PreTrainedModel

from lmkit.models.device import default_device
from lmkit.training.hardware import Precision

CACHE_BYTES = 1 << 25  # scores of one layer in float32 that still fit into a last-level cache


class AttentionChoice(NamedTuple):
    """The kernel by transformers' name; None leaves the model's own. And why."""

    value: str | None
    reason: str


def choose_attention(
    setting: str | None,
    model: PreTrainedModel,
    precision: Precision,
    batch: Callable[[], tuple[int, int]],
) -> AttentionChoice:
    """What `model.attn_implementation` becomes for training on this machine.

    Args:
        setting: the recipe's key.
        model: to be trained.
        precision: in which matrices are multiplied.
        batch: gives the sequences of a micro-batch and the tokens of its longest.
    """
    if setting is not None:
        return AttentionChoice(setting, "as the recipe says")
    if default_device() != "cpu" or precision != "bfloat16":
        return AttentionChoice(None, "as transformers chooses")
    heads = getattr(model.config, "num_attention_heads", None)
    if model.config._attn_implementation != "sdpa" or not isinstance(heads, int):
        return AttentionChoice(None, "the model has no other")
    rows, tokens = batch()
    scores = 4 * rows * heads * tokens**2
    if scores > CACHE_BYTES:
        return AttentionChoice(
            None, f"the scores of a layer, {scores / 1e6:,.0f} MB, outgrow the cache"
        )
    return AttentionChoice("eager", f"at {tokens} tokens in bfloat16 plain products are faster")
