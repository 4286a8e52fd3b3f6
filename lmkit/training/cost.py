"""What a run costs, reckoned before it starts: bytes, floating-point operations, seconds.

Shape letters: T tokens of a sequence, B sequences of a micro-batch, L layers, H width.
"""

import time
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from lmkit.models.layers import depths
from lmkit.models.lstm_config import LSTMConfig
from lmkit.models.quantizing import weights_in

EFFICIENCY = 0.6  # share of the matmul peak that an uncompiled step of a small model reaches
STATES = {"sgd": 0, "adagrad": 1, "rmsprop": 1, "adafactor": 0}  # buffers a weight; Adam's are 2
SHARED = ("weight_bytes", "gradient_bytes", "optimizer_bytes")
PEAK_SECONDS = 0.5  # after which no product is begun: slow ones do not become faster
PEAK_SIZE = {"cpu": 1024, "mps": 4096, "cuda": 8192}


@dataclass(frozen=True)
class Estimate:
    """A run's parameters and what they cost; bytes are of one process."""

    parameters: int
    trained_parameters: int
    weight_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int
    flops_per_token: int
    total_tokens: int
    total_flops: float

    def shared(self, processes: int) -> "Estimate":
        """The same where processes share weights, gradients and optimizer state (FSDP)."""
        kept = {name: -(-getattr(self, name) // processes) for name in SHARED}
        return replace(self, **kept)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def estimate(
    model: PreTrainedModel, *, optim: str, micro_batch: int, sequence: int, total_tokens: int
) -> Estimate:
    """Reckon a run from its model.

    Args:
        model: as it will be trained.
        optim: `train.optim`, for the buffers it keeps.
        micro_batch: B.
        sequence: T.
        total_tokens: tokens of the whole run.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    count = sum(p.numel() for p in trained)
    size = sum(p.numel() * p.element_size() for p in trained)
    per_token = flops_per_token(model, sequence)
    return Estimate(
        parameters=sum(weights_in(p) for p in model.parameters()),
        trained_parameters=count,
        weight_bytes=sum(p.numel() * p.element_size() for p in model.parameters()),
        gradient_bytes=size,
        optimizer_bytes=size * STATES.get(optim, 2),
        activation_bytes=activation_bytes(model, micro_batch, sequence),
        flops_per_token=per_token,
        total_tokens=total_tokens,
        total_flops=float(per_token) * total_tokens,
    )


def flops_per_token(model: PreTrainedModel, sequence: int) -> int:
    """Floating-point operations of training on one token, forward and backward.

    6 for each weight that multiplies, and 12 L H T for attention, where there is any (Chowdhery et
    al. 2022, PaLM, appendix B, arXiv:2204.02311). A weight that stays as it is takes 4, since its
    own gradient is left out, and 2 below the first that learns. A tied output layer multiplies, an
    embedding table does not. A token of an encoder-decoder goes through one of its halves: it is
    reckoned as their mean.
    """
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    named, depth = list(model.named_parameters()), depths(model)
    first = min((depth[name] for name, p in named if p.requires_grad), default=0)
    operations = sum(
        _each(parameter, reached=depth[name] >= first) * weights_in(parameter)
        for name, parameter in named
        if parameter.ndim >= 2 and id(parameter) not in tables
    )
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call] # not annotated
    if head is not None and id(head.weight) in tables:
        operations += _each(head.weight, reached=True) * head.weight.numel()
    if model.config.is_encoder_decoder:
        operations //= 2
    layers = 0 if is_recurrent(model) else _layers(model)
    width = getattr(model.config, "hidden_size", 0) or 0
    return int(operations + 12 * layers * width * sequence)


def _each(weight: nn.Parameter, *, reached: bool) -> int:
    """Operations a weight: forward 2, 2 for the gradient that goes on below, 2 for its own."""
    return 6 if weight.requires_grad else 4 if reached else 2


def activation_bytes(model: PreTrainedModel, micro_batch: int, sequence: int) -> int:
    """Roughly what the forward pass keeps for the backward one, in bytes.

    34 values of two bytes a token, width and layer (Korthikanti et al. 2022, section 4.1,
    arXiv:2205.05198, without the attention map, which fused kernels do not keep), here four bytes.
    A recurrent layer keeps its four gates, cell and output instead.
    """
    width = getattr(model.config, "hidden_size", 0) or 0
    layers = _layers(model)
    if is_recurrent(model):
        directions = 2 if model.config.bidirectional else 1
        return int(6 * 4 * micro_batch * sequence * width * layers * directions)
    return int(34 * 2 * micro_batch * sequence * width * layers)


def _layers(model: PreTrainedModel) -> float:
    """The layers that a token goes through: of an encoder-decoder the mean of its halves."""
    config = model.config
    layers = getattr(config, "num_hidden_layers", 0) or 0
    if not config.is_encoder_decoder:
        return layers
    names = ("decoder_layers", "num_decoder_layers")
    return (layers + next((getattr(config, n) for n in names if hasattr(config, n)), layers)) / 2


def is_recurrent(model: PreTrainedModel) -> bool:
    """Whether a model is an LSTM or GRU, which attends to nothing."""
    return isinstance(model.config, LSTMConfig)


@cache
def matmul_peak(device: str, dtype: torch.dtype | None = None) -> float:
    """The fastest matrix product seen here, in operations a second; measured once a process.

    It takes about 0.1 s, and one product (seconds) where the processor has none of the dtype.

    Args:
        device: `cpu`, `cuda` or `mps`.
        dtype: of the products; left out, bfloat16 on CUDA and float32 elsewhere.
    """
    size = PEAK_SIZE[device]
    dtype = dtype or (torch.bfloat16 if device == "cuda" else torch.float32)
    draw = torch.Generator(device).manual_seed(0)  # a run draws the same whether this was asked
    a, b = (torch.randn(size, size, device=device, generator=draw).to(dtype) for _ in range(2))
    best, begun = 0.0, time.perf_counter()
    for _ in range(6):
        start = time.perf_counter()
        product = a @ b
        if device != "cpu":
            product.sum().item()  # wait for the device
        best = max(best, 2 * size**3 / (time.perf_counter() - start))
        if time.perf_counter() - begun > PEAK_SECONDS:
            break
    return best


def guess_seconds(total_flops: float, device: str) -> float:
    """A guess at the training time of a run, from the peak of matrix products here."""
    return total_flops / (EFFICIENCY * matmul_peak(device))
