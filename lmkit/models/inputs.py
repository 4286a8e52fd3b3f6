"""Hand a model the part of a batch that its forward takes."""

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import torch

_HELD_BACK = frozenset({"labels"})  # with them a head computes a loss by a divisor of its own


@lru_cache(maxsize=32)
def _parameters(forward: Callable[..., Any]) -> frozenset[str]:
    """The names that the forward of a class takes; `**kwargs` counts for nothing.

    Most heads of transformers hand theirs on to where an unknown key is lost or fails.
    """
    return frozenset(inspect.signature(forward).parameters) - _HELD_BACK


def model_inputs(model: torch.nn.Module, batch: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `batch` that the model's forward names, never `labels`.

    `use_cache=False` is added where the forward knows it: nothing scored or trained here is read
    again token by token, and a cache both costs memory and lets packed documents see one another.

    Args:
        model: the model, compiled or wrapped for several processes or not.
        batch: tensors by name, some of them (`labels`, `document`, `bytes`) only for the task.
    """
    names = _parameters(type(unwrapped(model)).forward)
    inputs = {key: value for key, value in batch.items() if key in names}
    if "use_cache" in names:
        inputs["use_cache"] = False
    return inputs


def unwrapped(model: torch.nn.Module) -> torch.nn.Module:
    """The model inside `torch.compile` and DistributedDataParallel, in either order."""
    while True:
        if isinstance(model, torch.nn.parallel.DistributedDataParallel):
            model = model.module
        elif "_orig_mod" in model._modules:  # what torch.compile returns
            model = model.get_submodule("_orig_mod")
        else:
            return model
