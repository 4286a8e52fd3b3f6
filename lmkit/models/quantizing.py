"""Frozen weights in four bits, with adapters trained beside them (QLoRA).

Dettmers et al. 2023, arXiv:2305.14314, section 3: blocks of 64 weights share a scale, and the
scales are quantized once more; `bitsandbytes` keeps and multiplies them. Its modules take the
places of the matrices, so that the model stays the one that it is for every task, checkpoints hold
what is trained on, and merging gives back an ordinary model.
"""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

_SCALES = ".absmax"  # beside each quantized weight in a file


def quantize(model: PreTrainedModel, kind: str) -> None:
    """Put the matrices of the base model, and no head, into four bits.

    Args:
        model: on the CPU or a GPU, in any floating type.
        kind: `nf4` or `fp4`, the table of the sixteen values.
    """
    bnb = importlib.import_module("bitsandbytes")
    for parent, name, layer in list(_children(model.base_model, nn.Linear | Conv1D)):
        transposed = isinstance(layer, Conv1D)  # (in, out), as GPT-2 stores them
        weight = layer.weight.data.T.contiguous() if transposed else layer.weight.data
        rows, columns = weight.shape
        small = bnb.nn.Linear4bit(
            columns, rows, bias=layer.bias is not None, quant_type=kind, device="meta"
        )
        small.weight = bnb.nn.Params4bit(
            weight, requires_grad=False, quant_type=kind, module=small
        ).to(weight.device)
        small.bias, small.transposed = layer.bias, transposed
        setattr(parent, name, small)


def dequantize(model: nn.Module) -> None:
    """The quantized matrices as linear layers again, with the values that they stood for."""
    bnb = importlib.import_module("bitsandbytes")
    for parent, name, layer in list(_children(model, bnb.nn.Linear4bit)):
        weight = _weight(layer.state_dict())
        rows, columns = weight.shape
        plain: Any = nn.Linear(columns, rows, bias=layer.bias is not None, device="meta")
        plain.weight, plain.bias = nn.Parameter(weight), layer.bias
        plain.transposed = layer.transposed
        setattr(parent, name, plain)


def lay_out(model: nn.Module) -> None:
    """The layers that `dequantize` made, where the model had a `Conv1D`, as that once more."""
    for parent, name, layer in list(_children(model, nn.Linear)):
        if getattr(layer, "transposed", False):
            plain = Conv1D(*layer.weight.shape)  # type: ignore[no-untyped-call] # not annotated
            plain.weight = nn.Parameter(layer.weight.data.T.contiguous())
            plain.bias = layer.bias
            setattr(parent, name, plain)


def dequantized(tensors: Mapping[str, torch.Tensor], model: nn.Module) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint of a quantized model, as those of `model`, which is not."""
    quantized = {name.removesuffix(_SCALES) for name in tensors if name.endswith(_SCALES)}
    found = {
        name: tensor
        for name, tensor in tensors.items()
        if not any(name.startswith(f"{whole}.") for whole in _prefixes(name) & quantized)
    }
    for name in quantized:
        module = name.removesuffix(".weight")
        weight = _weight(
            {
                key.removeprefix(f"{module}."): tensors[key]
                for key in tensors
                if key.startswith(name)
            }
        )
        found[name] = weight.T if isinstance(model.get_submodule(module), Conv1D) else weight
    return found


def weights_in(parameter: nn.Parameter) -> int:
    """The weights that a parameter stands for: two in each byte of a quantized one."""
    state = getattr(parameter, "quant_state", None)
    return int(parameter.numel() if state is None else state.shape.numel())


def _weight(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The weight (out, in) of one quantized module, from what its state holds."""
    functional: Any = importlib.import_module("bitsandbytes").functional
    data = tensors["weight"]
    scales = {name: tensor for name, tensor in tensors.items() if name.startswith("weight.")}
    state = functional.QuantState.from_dict(qs_dict=dict(scales), device=data.device)
    weight: torch.Tensor = functional.dequantize_4bit(data, state)
    return weight


def _children(model: nn.Module, kind: Any) -> Iterator[tuple[nn.Module, str, Any]]:
    """Each module of a kind: its parent, its name there, itself."""
    for parent in model.modules():
        for name, child in parent.named_children():
            if isinstance(child, kind):
                yield parent, name, child


def _prefixes(name: str) -> set[str]:
    """What stands before each dot of a name."""
    parts = name.split(".")
    return {".".join(parts[:end]) for end in range(1, len(parts))}
