"""Documents that share a block without seeing one another, and a proof of it before training.

Positions begin anew with each document, and attention is kept inside of it. Most decoders of
transformers do the second by themselves where they are given such positions and no mask; other
models need a mask of four dimensions; some take neither, or drop either in silence. So each way is
tried on the model itself, from the cheapest on, and taken only if it is shown to be right. Shape
letters: B blocks of a batch, T tokens of a block, V vocabulary.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from lmkit.errors import ModelError
from lmkit.labels import SEGMENTS
from lmkit.models.inputs import model_inputs
from lmkit.models.inspecting import first_position, one_line, vocabulary_size

Way = Literal["positions", "mask", "masks"]
WAYS: tuple[Way, ...] = ("positions", "mask", "masks")  # from the cheapest on

PROBE_LENGTH = 16
TOLERANCE = 1e-4  # of the largest logit, in float32; coarser numbers are allowed their rounding
ROUNDINGS = 16
WINDOWED = re.compile("window|local|chunk")  # configuration keys that may bound what a token sees
REFUSALS = (
    TypeError, ValueError, RuntimeError, IndexError, KeyError, AttributeError, AssertionError,
)  # fmt: skip


@dataclass(frozen=True)
class Isolation:
    """How one model is told which tokens belong together."""

    way: Way
    """`positions` alone; these and one `mask`; or one of the `masks` for each kind of layer."""
    causal: bool
    """Whether a token sees only those before it."""
    first: int
    """The number of a document's first position."""
    window: int | None
    """How far a token sees to either side in the layers with a sliding window."""

    def inputs(self, model: torch.nn.Module, batch: Mapping[str, Any]) -> dict[str, Any]:
        """The batch with positions, and the mask that the model needs, made from its segments.

        Args:
            model: decides the precision of the mask; wrapped or not.
            batch: with `segments`, and without a mask.
        """
        segments = batch[SEGMENTS]
        made = {**batch, "position_ids": positions(segments) + self.first}
        if self.way != "positions":
            dtype = next(model.parameters()).dtype
            together = segments[:, None, :, None] == segments[:, None, None, :]  # (B, 1, T, T)
            if self.causal:
                together &= _distance(segments) >= 0
            made["attention_mask"] = mask = _additive(together, dtype)
            if self.way == "masks":
                near = _distance(segments).abs() <= (self.window or 0)
                made["attention_mask"] = {
                    "full_attention": mask,
                    "sliding_attention": _additive(together & near, dtype),
                }
        return made


def positions(segments: Tensor) -> Tensor:
    """(B, T) the place of each token in its document, from 0 on."""
    place = torch.arange(segments.shape[1], device=segments.device).expand_as(segments)
    begins = torch.zeros_like(segments)
    begins[:, 1:] = torch.where(segments[:, 1:] != segments[:, :-1], place[:, 1:], 0)
    return place - begins.cummax(1).values


def find_isolation(model: PreTrainedModel, *, block_size: int, causal: bool) -> Isolation:
    """The cheapest way in which the model keeps packed documents apart.

    The model and the random state are left as they were.

    Args:
        model: with its head, and its own output layer.
        block_size: the longest sequence it will read.
        causal: whether it predicts from the left.

    Raises:
        ModelError: no way is right for it; says what to use instead.
    """
    config: PreTrainedConfig = model.config
    first, window = first_position(config), getattr(config, "sliding_window", None)
    told = []
    with _undisturbed(model):
        for way in WAYS:
            isolation = Isolation(way, causal, first, window)
            try:
                fault = _fault(model, isolation, _probe_length(config, block_size))
            except REFUSALS as error:
                fault = f"{type(error).__name__}: {one_line(error)[:100]}"
            if fault is None:
                return isolation
            told.append(fault)
    raise ModelError(
        f"task.packing: isolated: {config.model_type} with "
        f"{config._attn_implementation} attention cannot keep packed documents apart (with "
        f"positions that begin anew: {told[0]}; with a mask: {told[1]}); use task.packing: none "
        "(each document by itself, padded) or joined (a document sees those before it)"
    )


def _fault(model: PreTrainedModel, isolation: Isolation, length: int) -> str | None:
    """What is wrong when documents are packed this way, or None.

    One block holds three documents, another is filled by one. The logits of the middle one and of
    the last must be those that they have alone, and no gradient may lead from the middle one to its
    neighbors: however little the weights of a new model let through, it would not be exactly zero.
    """
    vocabulary, device = vocabulary_size(model), model.device
    ids = (torch.arange(2 * length, device=device) * 7 + 3).view(2, length) % vocabulary
    segments = torch.ones_like(ids)
    middle = slice(1, length - 1) if length > 2 else slice(1, 2)
    segments[0, 1:] = 2
    segments[0, middle.stop :] = 3
    with _embeddings(model) as seen:
        batch = isolation.inputs(model, {"input_ids": ids, SEGMENTS: segments})
        packed = model(**model_inputs(model, batch)).logits  # (2, T, V)
        (reached,) = torch.autograd.grad(packed[0, middle].float().square().sum(), seen[:1])
    with torch.no_grad():
        alone = [
            model(**model_inputs(model, {"input_ids": part[None]})).logits[0]
            for part in (ids[0, middle], ids[1])
        ]
        outside = torch.ones(length, dtype=torch.bool, device=device)
        outside[middle] = False
        if reached.reshape(-1, length, reached.shape[-1])[0, outside].abs().max() > 0:
            return "they see one another"
        for found, expected in zip((packed[0, middle], packed[1]), alone, strict=True):
            off = (found - expected).abs().max()
            relative = max(TOLERANCE, ROUNDINGS * torch.finfo(found.dtype).eps)
            if not off <= relative * expected.abs().max():
                return f"their logits are off by {off:.2g}"
    return None


def _probe_length(config: PreTrainedConfig, block_size: int) -> int:
    """Tokens of a block to try: enough to look beyond every window that the model may have."""
    bounds = [PROBE_LENGTH - 3]
    for key, value in config.to_dict().items():
        if WINDOWED.search(key):
            sizes = value if isinstance(value, list) else [value]
            bounds += [size for size in sizes if isinstance(size, int) and size < block_size]
    return min(block_size, max(bounds) + 3)


@contextmanager
def _embeddings(model: PreTrainedModel) -> Iterator[list[Tensor]]:
    """What the model's input embeddings return inside, with a gradient to it."""
    seen: list[Tensor] = []

    def keep(_module: Any, _inputs: Any, output: Tensor) -> Tensor:
        seen.append(output if output.requires_grad else output.requires_grad_())
        return output

    table: Any = model.get_input_embeddings()
    handle = table.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            yield seen
    finally:
        handle.remove()


@contextmanager
def _undisturbed(model: PreTrainedModel) -> Iterator[None]:
    """No dropout inside, and afterwards the training mode and the random state of before."""
    training = model.training
    devices = [model.device] if model.device.type == "cuda" else []
    model.train(False)
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        model.train(training)


def _distance(segments: Tensor) -> Tensor:
    """(T, T) how far the token of each column stands before that of the row."""
    place = torch.arange(segments.shape[1], device=segments.device)
    return place[:, None] - place[None, :]


def _additive(together: Tensor, dtype: torch.dtype) -> Tensor:
    """0 where a token may look, else the lowest number: in this form every attention takes it.

    (One of booleans is wrong in silence where attention is written out in Python.)
    """
    lowest = torch.finfo(dtype).min
    return torch.zeros(together.shape, dtype=dtype, device=together.device).masked_fill_(
        ~together, lowest
    )
