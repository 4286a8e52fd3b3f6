"""The optimizer a recipe names: torch's own with their arguments checked, the others as Trainer's.

Weight decay falls on matrices only, never on biases and norms (Loshchilov and Hutter 2019 decay
all; GPT-2's and BERT's own training leave vectors out, Devlin et al. 2019, appendix A.2).
"""

import ast
import inspect
from typing import Any

import torch
from torch import nn
from transformers import Trainer, TrainingArguments

from lmkit.errors import ModelError, UsageError
from lmkit.models.layers import depths
from lmkit.recipe.nearest import did_you_mean
from lmkit.training.muon import Muon, MuonWithAdamW, hidden_matrices

TORCH_CLASSES: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw_torch": torch.optim.AdamW,
    "adamw_torch_fused": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
}
OWNED = {
    "params",
    "lr",
    "betas",
    "weight_decay",
    "maximize",
    "foreach",
    "capturable",
    "differentiable",
}
ADAMS = ("adam", "adamw_torch", "adamw_torch_fused")


def make_optimizer(
    name: str,
    model: nn.Module,
    args: TrainingArguments,
    layerwise_lr_decay: float | None = None,
) -> torch.optim.Optimizer:
    """The optimizer `train.optim` names, over the model's trainable parameters.

    Args:
        name: `adam`, `muon`, or a name of transformers' `OptimizerNames`.
        model: whose parameters are trained.
        args: learning rate, betas, epsilon, weight decay, `optim_args`.
        layerwise_lr_decay: the learning rate of a layer over that of the one above it; needs a
            `PreTrainedModel`.

    Raises:
        UsageError: `optim_args` holds a key the optimizer does not know (the nearest is named).
        ModelError: the optimizer needs a library that is absent, or the model has no matrices.
    """
    if name == "muon":
        return _muon(model, args)
    groups = _groups(model, args.weight_decay)
    if layerwise_lr_decay is not None:
        groups = _by_depth(model, groups, args.learning_rate, layerwise_lr_decay)
    if name in TORCH_CLASSES:
        given = _checked_args(name, TORCH_CLASSES[name], args.optim_args)
        return TORCH_CLASSES[name](groups, **_torch_kwargs(name, args), **given)
    return _of_trainer(name, model, groups, args)


def _torch_kwargs(name: str, args: TrainingArguments) -> dict[str, Any]:
    kwargs: dict[str, Any] = {"lr": args.learning_rate}
    if name in ADAMS:
        kwargs |= {"betas": (args.adam_beta1, args.adam_beta2), "eps": args.adam_epsilon}
        kwargs["fused"] = name != "adamw_torch"  # one kernel over all parameters: equal, and faster
    return kwargs


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices with weight decay, vectors without; a group without parameters is left out."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _by_depth(
    model: Any, groups: list[dict[str, Any]], learning_rate: float, decay: float
) -> list[dict[str, Any]]:
    """The groups parted by depth, the head's first: with L layers, depth d has lr decay^(L+1-d).

    Raises:
        ModelError: the model has no layers to tell apart.
    """
    named = depths(model)
    top = max(named.values())
    if top < 2:
        raise ModelError(
            f"train.layerwise_lr_decay: {model.config.model_type} has no list of layers to tell "
            "apart; leave it out"
        )
    depth = {id(parameter): named[name] for name, parameter in model.named_parameters()}
    return [
        {**group, "params": params, "lr": learning_rate * decay ** (top - at)}
        for at in range(top, -1, -1)
        for group in groups
        if (params := [p for p in group["params"] if depth[id(p)] == at])
    ]


def _muon(model: nn.Module, args: TrainingArguments) -> torch.optim.Optimizer:
    names = hidden_matrices(model)
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    matrices = [p for n, p in named if n in names]
    if not matrices:
        raise ModelError("train.optim: muon needs hidden weight matrices, and this model has none")
    rest = [p for n, p in named if n not in names]
    given = _checked_args("muon", torch.optim.Muon, args.optim_args)
    muon = Muon(
        matrices, lr=args.learning_rate, weight_decay=args.weight_decay,
        adjust_lr_fn="match_rms_adamw", **given,
    )  # fmt: skip
    adamw = torch.optim.AdamW(
        [
            {"params": [p for p in rest if p.ndim >= 2], "weight_decay": args.weight_decay},
            {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
        ],
        **_torch_kwargs("adamw_torch_fused", args),
    )
    return MuonWithAdamW(muon, adamw)


def _of_trainer(
    name: str, model: nn.Module, groups: list[dict[str, Any]], args: TrainingArguments
) -> torch.optim.Optimizer:
    """An optimizer that Trainer knows how to make, most of them from another library."""
    try:
        made = Trainer.get_optimizer_cls_and_kwargs(args, model)  # type: ignore[arg-type]  # any module does
    except (ImportError, ValueError) as error:
        raise ModelError(f"train.optim: {name}: {error}") from error
    cls, kwargs = made
    read = str({**kwargs, "params": None})
    for key in parse_optim_args(args.optim_args):
        if key not in read:
            raise UsageError(f"train.optim_args: {name} does not read {key!r}")
    own = kwargs.pop("params", None) or kwargs.pop("optimizer_dict", None)
    optimizer: torch.optim.Optimizer = cls(own or kwargs.pop("model", None) or groups, **kwargs)
    return optimizer


def parse_optim_args(text: str | None) -> dict[str, Any]:
    """`momentum=0.9,nesterov=true` as a mapping; numbers and booleans are read, the rest is text.

    Raises:
        UsageError: a part is not of the form key=value.
    """
    found: dict[str, Any] = {}
    for part in filter(None, (text or "").replace(" ", "").split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key or not value:
            raise UsageError(f"train.optim_args: {part!r} is not of the form key=value")
        if value.lower() in ("true", "false"):
            found[key] = value.lower() == "true"
            continue
        try:
            found[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[key] = value
    return found


def _checked_args(name: str, cls: type[torch.optim.Optimizer], text: str | None) -> dict[str, Any]:
    """`optim_args` held against the signature of the optimizer."""
    known = sorted(set(inspect.signature(cls).parameters) - OWNED - {"fused", "adjust_lr_fn"})
    if name in ADAMS:
        known.remove("eps")
    given = parse_optim_args(text)
    for key, value in given.items():
        if key in known and isinstance(value, str):
            raise UsageError(f"train.optim_args: {key}: {value!r} is not a number")
        if key not in known:
            hint = did_you_mean(key, known)
            allowed = f" (it takes {', '.join(known)})" if known else ""
            raise UsageError(f"train.optim_args: {name} has no argument {key!r}{hint}{allowed}")
    return given
