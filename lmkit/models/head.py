"""The last layer of a language model, without the logits ever being held.

A vocabulary of V turns N hidden states into N x V logits: for small models most of the memory and a
third of the time of a step. Here logits exist for a few rows at a time: the loss and its gradient
are computed together while they are still in the processor's cache (the idea of Liger-Kernel,
arXiv:2410.10989, section 3.2, and of Cut Cross-Entropy, arXiv:2411.09009).

It replaces the model's output layer only where a probe shows that the model's own logits are the
plain `hidden @ weight.T + bias`, but for a factor; models that cap them (Gemma 2) keep their own.
BART and its kin add a row of constants (`final_logits_bias`) outside the layer: it counts as bias.
Shape letters: N predicted positions, H width, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from lmkit.labels import IGNORED
from lmkit.models.inspecting import probe_length, vocabulary_size

CPU_CHUNK = 1 << 22  # logits held at once: 16 MB of float32, about a last-level cache
GPU_CHUNK = 1 << 28  # large enough for full-sized matrix products
TINY = 1e-30  # a probability below it would lose digits in float32
CONSTANTS = "final_logits_bias"  # of BART, mBART, Marian, ...: (1, V)
PROBE_LOGIT = 100.0
PROBE_TOLERANCE = 1e-4  # of that


class OutputHead:
    """Losses and scores from what a model with an attached head returns as `logits`."""

    def __init__(self, model: PreTrainedModel) -> None:
        layer: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call] # not annotated
        self.model = model
        self.layer = layer
        self.replaces_logits = _is_plain(model, self.layer)

    @property
    def bias(self) -> Tensor | None:
        """What is added to the logits: the layer's own, or the model's constants; (V,)."""
        if self.layer.bias is not None:
            own: Tensor = self.layer.bias
            return own
        constants = self.model._buffers.get(CONSTANTS)
        return None if constants is None else constants[0]

    def attach(self) -> None:
        """Let the model return hidden states where it returned logits, if that is equal."""
        if self.replaces_logits:
            _open(self.model, self.layer)

    def detach(self) -> None:
        """Give the model its own output layer back."""
        _close(self.model, self.layer)

    def loss(self, states: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """Summed cross-entropy in nats over the labels that are not IGNORED, with its gradient.

        Args:
            states: what the model returned as logits: (..., H) when attached, else (..., V).
            labels: (...), the token to predict at each position.
            label_smoothing: e in (1 - e) * nll + e * mean over V of -log p (Szegedy et al. 2016,
                section 7, arXiv:1512.00567).
        """
        flat, gold = _rows(states, labels)
        if self.replaces_logits:
            return linear_cross_entropy(flat, self.layer.weight, self.bias, gold, label_smoothing)
        return functional.cross_entropy(
            flat.float(), gold, reduction="sum", label_smoothing=label_smoothing
        )

    def nll(self, states: Tensor, labels: Tensor) -> Tensor:
        """The nll of each label in nats, with its gradient: float32 like `labels`, 0 where IGNORED.

        For objectives that are no plain sum of them. Logits are made anew in the backward pass, a
        chunk at a time, and never kept.
        """
        wanted = labels != IGNORED
        flat, gold = states[wanted], labels[wanted]
        width = self.layer.weight.shape[0] if self.replaces_logits else flat.shape[-1]
        size = _chunk(flat.device, width)
        parts = [
            checkpoint(
                self._nll, flat[start : start + size], gold[start : start + size],
                use_reentrant=False, preserve_rng_state=False,
            )
            for start in range(0, len(gold), size)
        ]  # fmt: skip
        found = torch.cat(parts) if parts else flat.sum(-1).float()
        return torch.zeros(labels.shape, device=labels.device).masked_scatter(wanted, found)

    def _nll(self, flat: Tensor, gold: Tensor) -> Tensor:
        """(N,) from states (N, H) and labels (N,)."""
        logits = self.layer_logits(flat).float()
        return functional.cross_entropy(logits, gold, reduction="none")

    @torch.no_grad()
    def score(self, states: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Of each position: the nll of its label in nats, and whether it is the likeliest token.

        Returns:
            Two tensors shaped like `labels`: float32, 0 where IGNORED; bool, False where IGNORED.
        """
        wanted = labels != IGNORED
        flat, gold = states[wanted], labels[wanted]
        nll = torch.zeros(labels.shape, device=labels.device)
        hit = torch.zeros_like(wanted)
        width = self.layer.weight.shape[0] if self.replaces_logits else flat.shape[-1]
        size = _chunk(flat.device, width)
        values, hits = [], []
        for start in range(0, len(gold), size):
            part, labels_part = flat[start : start + size], gold[start : start + size]
            logits = self.layer_logits(part).float()
            values.append(functional.cross_entropy(logits, labels_part, reduction="none"))
            hits.append(logits.argmax(-1) == labels_part)
        if values:
            nll[wanted], hit[wanted] = torch.cat(values), torch.cat(hits)
        return nll, hit

    def layer_logits(self, states: Tensor) -> Tensor:
        """Logits (N, V) of rows the model returned: by the attached layer, or as they are."""
        if not self.replaces_logits:
            return states
        return functional.linear(states, self.layer.weight, self.bias)


def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    labels: Tensor,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Summed cross-entropy of `hidden @ weight.T + bias` against labels, in nats: a scalar.

    Args:
        hidden: (N, H).
        weight: (V, H).
        bias: (V,) or None.
        labels: (N,) in [0, V).
        label_smoothing: see `OutputHead.loss`.
    """
    if torch.is_autocast_enabled(hidden.device.type):
        dtype = torch.get_autocast_dtype(hidden.device.type)
    else:
        dtype = weight.dtype
    total: Tensor = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call] # not annotated
        hidden, weight, bias, labels, label_smoothing, dtype
    )
    return total


class _LinearCrossEntropy(torch.autograd.Function):
    """Loss and gradient in one pass over chunks of rows.

    With p the softmax of a row and t the smoothed target, the loss is -sum(t log p) and its
    gradient by the logits is p - t, which is linear in what flows back: it can be computed in the
    forward pass and scaled in the backward one.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor,
        smoothing: float, dtype: torch.dtype,
    ) -> Tensor:  # fmt: skip
        with torch.autocast(hidden.device.type, enabled=False):
            return _forward(ctx, hidden, weight, bias, labels, smoothing, dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        scaled = [saved if saved is None else saved.mul_(grads[0]) for saved in ctx.saved_tensors]
        hidden, weight, bias = scaled
        return hidden, weight, bias, None, None, None


def _forward(
    ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor,
    smoothing: float, dtype: torch.dtype,
) -> Tensor:  # fmt: skip
    states, matrix = hidden.to(dtype), weight.to(dtype)
    needs_hidden, needs_weight, needs_bias = ctx.needs_input_grad[:3]
    grad_hidden = torch.empty_like(states) if needs_hidden else None
    grad_weight = torch.zeros_like(weight) if needs_weight else None
    grad_bias = torch.zeros_like(bias) if bias is not None and needs_bias else None
    vocabulary = weight.shape[0]
    size = _chunk(hidden.device, vocabulary)
    total = torch.zeros((), dtype=torch.promote_types(dtype, torch.float32), device=hidden.device)
    for start in range(0, len(labels), size):
        rows, gold = states[start : start + size], labels[start : start + size, None]
        logits = _at_least_float32(functional.linear(rows, matrix))
        if bias is not None:
            logits += bias
        picked = logits.gather(-1, gold)
        gradient = torch.softmax(logits, -1)  # one pass in cache, and the exponentials only once
        nll = _nll(gradient.gather(-1, gold), logits, picked)
        total += (nll + smoothing * picked).sum()
        if smoothing:
            total -= smoothing / vocabulary * logits.sum()
            gradient -= smoothing / vocabulary
        if not (needs_hidden or needs_weight or needs_bias):
            continue
        gradient.scatter_add_(-1, gold, torch.full_like(picked, smoothing - 1))
        if grad_bias is not None:
            grad_bias += gradient.sum(0).to(grad_bias.dtype)
        gradient = gradient.to(dtype)
        if grad_hidden is not None:
            torch.mm(gradient, matrix, out=grad_hidden[start : start + size])
        if grad_weight is not None and grad_weight.dtype == dtype:
            grad_weight.addmm_(gradient.T, rows)
        elif grad_weight is not None:
            grad_weight += gradient.T @ rows
    final = None if grad_hidden is None else grad_hidden.to(hidden.dtype)
    ctx.save_for_backward(final, grad_weight, grad_bias)
    return total


def _rows(states: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The (N, .) states and (N,) labels of the positions that are predicted."""
    flat, gold = states.reshape(-1, states.shape[-1]), labels.reshape(-1)
    wanted = gold != IGNORED
    return (flat, gold) if bool(wanted.all()) else (flat[wanted], gold[wanted])


def _chunk(device: torch.device, vocabulary: int) -> int:
    """Rows whose logits are held at once."""
    return max(16, (CPU_CHUNK if device.type == "cpu" else GPU_CHUNK) // vocabulary)


def _nll(probability: Tensor, logits: Tensor, picked: Tensor) -> Tensor:
    """-log p of each row, (R, 1); from the logits where p is too small to keep its digits."""
    nll = -probability.log()
    tiny = (probability < TINY).squeeze(-1)
    if bool(tiny.any()):
        nll[tiny] = torch.logsumexp(logits[tiny], -1, keepdim=True) - picked[tiny]
    return nll


def _at_least_float32(logits: Tensor) -> Tensor:
    return logits.float() if logits.element_size() < 4 else logits


def _identity(states: Tensor) -> Tensor:
    return states


def _open(model: PreTrainedModel, layer: Any) -> None:
    """The layer hands states through, and zero stands before the model's constants.

    Both are set beside what the model holds, so that nothing that is saved changes.
    """
    layer.forward = _identity
    if CONSTANTS in model._buffers:
        model.__dict__[CONSTANTS] = torch.zeros(())


def _close(model: PreTrainedModel, layer: Any) -> None:
    """Undo `_open`."""
    layer.__dict__.pop("forward", None)
    model.__dict__.pop(CONSTANTS, None)


@torch.no_grad()
def _is_plain(model: PreTrainedModel, layer: Any) -> bool:
    """Whether the model's logits are `layer` of what enters it, shown on random tokens.

    The logits of a new model are so small that capping them at 30 changes nothing that could be
    seen; so the layer is made to give large ones. (A constant factor may stand before or after.)
    """
    is_linear = type(layer) is nn.Linear  # a subclass may do more
    constants = model._buffers.get(CONSTANTS)
    if not is_linear or (layer.bias is not None and constants is not None):
        return False
    training = model.training
    model.train(False)
    generator = torch.Generator().manual_seed(0)
    limit = min(vocabulary_size(model), int(layer.weight.shape[0]))
    shape = (2, probe_length(model.config))
    ids = torch.randint(0, limit, shape, generator=generator).to(layer.weight.device)
    inputs = {"input_ids": ids}
    if model.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = ids
    try:
        _open(model, layer)
        states = model(**inputs).logits
        if states.shape[-1] != layer.weight.shape[1]:
            return False
        plain = functional.linear(states, layer.weight, layer.bias)
        factor = PROBE_LOGIT / plain.abs().max().clamp(min=1e-6)
        _close(model, layer)
        layer.forward = lambda x: functional.linear(x, layer.weight, layer.bias) * factor
        own = model(**inputs).logits
    finally:
        _close(model, layer)
        model.train(training)
    wanted = plain * factor if constants is None else plain * factor + constants
    return bool((own - wanted).abs().max() < PROBE_TOLERANCE * PROBE_LOGIT)
