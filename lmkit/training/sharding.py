"""Share the parameters of a model among processes: torch's `fully_shard` (FSDP2), on any device.

Each process keeps its part of every parameter, of its gradient and of the optimizer's state; a
layer is put together when it runs and let go afterwards (Zhao et al. 2023, arXiv:2304.11277).
Accelerate would quietly fall back to DDP between CPUs; here the same code shards on both.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from lmkit.errors import ModelError, UsageError
from lmkit.models.layers import layer_modules
from lmkit.training.cost import is_recurrent


def require_processes(parallel: str, world_size: int) -> None:
    """Refuse what one process alone would ignore.

    Raises:
        UsageError: `train.parallel` shards, and there is nobody to share with.
    """
    if parallel != "ddp" and world_size == 1:
        raise UsageError(
            f"train.parallel: {parallel}: one process has nobody to share the model with; start "
            "several (--processes N), or leave it at ddp"
        )


def require_shardable(model: PreTrainedModel) -> None:
    """Refuse a model whose parameters cannot be taken apart.

    Raises:
        ModelError: names the layers or the parameter, and what to use instead.
    """
    if is_recurrent(model):
        raise ModelError(
            "train.parallel: fsdp: recurrent layers keep their weights in one piece; use ddp"
        )
    for name, parameter in model.named_parameters():
        if parameter.ndim == 0:
            raise ModelError(
                f"train.parallel: fsdp: {name} is a single number, which cannot be shared; use ddp"
            )


def shard(model: PreTrainedModel, world_size: int) -> None:
    """Share the parameters out in place: layer by layer, the rest as one group.

    A model that is shared already stays so.

    Args:
        model: alike on every process, and on the device it is trained on.
        world_size: processes, all of which call this.
    """
    if isinstance(model, FSDPModule):  # training goes on after a rollback or a smaller micro-batch
        part(model)
        return
    require_shardable(model)
    for parameter in model.parameters():
        torch.distributed.broadcast(parameter.data, src=0)
    mesh = init_device_mesh(model.device.type, (world_size,))
    for layer in layer_modules(model):
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)


@contextmanager
def whole(model: nn.Module) -> Iterator[None]:
    """Every process holds the whole weights until the block ends.

    Processes score different numbers of batches, and generate texts of different lengths: no layer
    may wait for the others there.
    """
    gather(model)
    try:
        yield
    finally:
        for module in _sharded(model):
            module.set_reshard_after_forward(module is not model, recurse=False)
            module.reshard()


def gather(model: nn.Module) -> None:
    """Every process holds the whole weights from now on."""
    for module in _sharded(model):
        module.set_reshard_after_forward(False, recurse=False)
        module.unshard()


def part(model: nn.Module) -> None:
    """Every process holds its own part of the weights and no more."""
    for module in _sharded(model):
        module.reshard()


def state_dict(model: nn.Module) -> dict[str, Tensor]:
    """The weights as they are held now; a model's own would take them apart again."""
    found: dict[str, Tensor] = dict(model.named_parameters(remove_duplicate=False))
    for prefix, module in model.named_modules():
        start = f"{prefix}." if prefix else ""
        for name, buffer in module.named_buffers(recurse=False):
            if name not in module._non_persistent_buffers_set:
                found[start + name] = buffer
    return found


def plain(value: Any) -> Any:
    """A number that is the same on every process, out of the parts of it they hold."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def held_bytes(model: nn.Module) -> int:
    """Bytes of the parameters that this process holds."""
    parts = (p.to_local() if isinstance(p, DTensor) else p for p in model.parameters())
    return sum(held.numel() * held.element_size() for held in parts)


def _sharded(model: nn.Module) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, FSDPModule)]
