"""The weights of a checkpoint that several processes wrote (`train.parallel: fsdp`), put together.

`weights-part-K-of-N.safetensors` holds the rows that process K has of each tensor; end to end they
are the whole. Each part names the tensors that are not shared, which stand whole in every one.
"""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from lmkit.errors import CheckpointError, ModelError

WEIGHTS = "weights"
IN_EVERY_PART = "in_every_part"
"""The key of a part's metadata that lists the tensors which it holds whole."""


def are_in(folder: Path) -> bool:
    """Whether a folder holds weights in parts."""
    return any(folder.glob(f"{WEIGHTS}-part-*.safetensors"))


def part_file(folder: Path, kind: str, rank: int, count: int) -> Path:
    """The file of process `rank` of `count`."""
    return folder / f"{kind}-part-{rank + 1:05d}-of-{count:05d}.safetensors"


def open_parts(stack: ExitStack, folder: Path, kind: str) -> list[Any]:
    """All parts of a kind, in the order of the processes that wrote them.

    Raises:
        CheckpointError: there are none, or one is missing or damaged.
    """
    first = next(iter(folder.glob(f"{kind}-part-00001-of-*.safetensors")), None)
    if first is None:
        raise CheckpointError(f"{folder}: not written with train.parallel: fsdp")
    count = int(first.stem.rpartition("-")[2])
    files = []
    for rank in range(count):
        path = part_file(folder, kind, rank, count)
        try:
            files.append(stack.enter_context(safe_open(path, framework="pt")))
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{path}: is missing or damaged: {error}") from error
    return files


def whole_weights(folder: Path) -> dict[str, Tensor]:
    """Every tensor by name, put together from its rows.

    Raises:
        ModelError: a part is missing, damaged or of another checkpoint.
    """
    with ExitStack() as stack:
        try:
            files = open_parts(stack, folder, WEIGHTS)
        except CheckpointError as error:
            raise ModelError(str(error)) from error
        alone = set(json.loads((files[0].metadata() or {}).get(IN_EVERY_PART, "[]")))
        names = list(files[0].keys())
        for number, file in enumerate(files[1:], 2):
            if list(file.keys()) != names:
                raise ModelError(f"{folder}: part {number} holds other tensors than the first")
        return {
            name: files[0].get_tensor(name)
            if name in alone
            else torch.cat([file.get_tensor(name) for file in files])
            for name in names
        }
