"""The files of a checkpoint whose parameters are shared among processes: each writes its own part.

`weights-part-K-of-N.safetensors` and `optimizer-part-K-of-N.safetensors` hold the rows that process
K has of each tensor (fully_shard cuts the first dimension), so that the files end to end are the
whole; a resume by another number of processes reads the rows that it needs. What is not shared
stands in every file. Groups of the optimizer are numbers and lie in `optimizer.json`.
"""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from lmkit.errors import CheckpointError
from lmkit.models.in_parts import IN_EVERY_PART, WEIGHTS, open_parts, part_file
from lmkit.training.sharding import part, state_dict

OPTIMIZER, GROUPS = "optimizer", "optimizer.json"


def write(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Write this process's part of weights and optimizer state; the folder must exist.

    Raises:
        OSError, SafetensorError: it cannot be written.
    """
    rank, count = torch.distributed.get_rank(), torch.distributed.get_world_size()
    part(model)
    weights = state_dict(model)
    alone = [name for name, value in _once(weights) if not isinstance(value, DTensor)]
    save_file(
        _held(weights), part_file(folder, WEIGHTS, rank, count),
        metadata={"format": "pt", IN_EVERY_PART: json.dumps(alone)},
    )  # fmt: skip
    state = {
        f"{name}.{key}": value
        for name, parameter in _trained(model, optimizer)
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }
    save_file(_held(state), part_file(folder, OPTIMIZER, rank, count))
    if rank == 0:
        groups = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
        (folder / GROUPS).write_text(json.dumps(groups), encoding="utf-8")


def read_weights(folder: Path, model: nn.Module) -> None:
    """Take this process's part of the weights from a checkpoint.

    Raises:
        CheckpointError: it was not written in parts, or is of another model.
    """
    part(model)
    with ExitStack() as stack, torch.no_grad():
        files = open_parts(stack, folder, WEIGHTS)
        for name, held in _once(state_dict(model)):
            rows = _rows(files, name, held)
            (held.to_local() if isinstance(held, DTensor) else held).copy_(rows)


def read_optimizer(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Take this process's part of the optimizer's state, and the numbers of its groups.

    Raises:
        CheckpointError: it was not written in parts, or is of another optimizer.
    """
    packed = optimizer.state_dict()
    with ExitStack() as stack:
        files = open_parts(stack, folder, OPTIMIZER)
        keys = list(files[0].keys())
        for index, (name, parameter) in enumerate(_trained(model, optimizer)):
            found: dict[str, Tensor] = {}
            for key in keys:
                owner, _, field = key.rpartition(".")
                if owner == name:
                    shared = files[0].get_slice(key).get_shape() != []
                    rows = _rows(files, key, parameter if shared else torch.zeros(()))
                    found[field] = _like(rows, parameter) if shared else rows
            if found:
                packed["state"][index] = found
    groups = json.loads((folder / GROUPS).read_text(encoding="utf-8"))
    for group, kept in zip(packed["param_groups"], groups, strict=True):
        group.update(
            {k: tuple(v) if isinstance(group.get(k), tuple) else v for k, v in kept.items()}
        )
    optimizer.load_state_dict(packed)


def _trained(
    model: nn.Module, optimizer: torch.optim.Optimizer
) -> Iterator[tuple[str, nn.Parameter]]:
    """Name and parameter, in the optimizer's order."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            yield names[id(parameter)], parameter


def _held(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """What this process has of each tensor."""
    return {
        name: (value.to_local() if isinstance(value, DTensor) else value).detach().contiguous()
        for name, value in _once(state)
    }


def _once(state: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Each tensor by its first name: tied ones have several."""
    seen: set[int] = set()
    for name, value in state.items():
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value


def _rows(files: Sequence[Any], name: str, like: Tensor) -> Tensor:
    """The rows of a tensor that this process holds of `like`; all of it where it is not shared."""
    if name not in files[0].keys():  # noqa: SIM118 - a file, not a mapping
        raise CheckpointError(f"the checkpoint has no {name}: it is of another model or optimizer")
    if not isinstance(like, DTensor):
        alone: Tensor = files[0].get_tensor(name)
        return alone
    start, stop = _range(like)
    at, pieces = 0, []
    for file in files:
        piece = file.get_slice(name)
        rows = piece.get_shape()[0]
        first, last = max(start - at, 0), min(stop - at, rows)
        if first < last:
            pieces.append(piece[first:last])
        at += rows
    if at != like.shape[0]:
        raise CheckpointError(f"{name} has {at} rows in the checkpoint and {like.shape[0]} here")
    return torch.cat(pieces) if pieces else torch.empty_like(like.to_local(), device="cpu")


def _range(value: DTensor) -> tuple[int, int]:
    """First and last row of this process: pieces of equal size, the last ones may be short."""
    rows, mesh = value.shape[0], value.device_mesh
    size = math.ceil(rows / mesh.size())
    start = min(mesh.get_local_rank() * size, rows)
    return start, min(start + size, rows)


def _like(rows: Tensor, value: Any) -> Tensor:
    """Rows of this process as a tensor that is shared as `value` is."""
    shared: Tensor = DTensor.from_local(
        rows.to(value.device), value.device_mesh, value.placements, run_check=False,
        shape=value.shape, stride=value.stride(),
    )  # fmt: skip
    return shared
