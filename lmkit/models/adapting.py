"""Training a part of a model: frozen weights, and low-rank adapters beside them.

Adapters are put into the model by `peft`, in place, so that it stays the model that it is for every
task. A checkpoint of such a run holds base and adapters; what the run leaves has them merged.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.pytorch_utils import Conv1D

from lmkit.errors import ModelError, require_extra
from lmkit.models import in_parts
from lmkit.models.layers import depths
from lmkit.models.quantizing import dequantize, dequantized, lay_out, quantize
from lmkit.recipe.model import LoraSection
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.sections import ModelSection

TASK_TYPES: dict[str, Any] = {
    "CAUSAL_LM": AutoModelForCausalLM,
    "SEQ_2_SEQ_LM": AutoModelForSeq2SeqLM,
    "SEQ_CLS": AutoModelForSequenceClassification,
    "TOKEN_CLS": AutoModelForTokenClassification,
    "QUESTION_ANS": AutoModelForQuestionAnswering,
    "FEATURE_EXTRACTION": AutoModel,
}
"""What `peft` calls the heads of transformers."""
NOTE = "lmkit_lora"
"""The key of a configuration that says how the adapters of a checkpoint were made."""
_PEFT_PREFIX = "base_model.model."  # of the names in a folder that peft opens


def check_library(section: ModelSection) -> None:
    """Say before anything is read that `peft` or `bitsandbytes` is absent.

    Raises:
        MissingExtraError: with the command that installs it.
    """
    if section.lora is None:
        return
    needed = [("model.lora", "peft", "lora")]
    if section.lora.quantization is not None:
        needed.append(("model.lora.quantization", "bitsandbytes", "qlora"))
    for key, library, extra in needed:
        require_extra(key, library, extra)


def adapt(model: PreTrainedModel, section: ModelSection) -> None:
    """Freeze what the recipe freezes, and put in the adapters that it asks for.

    Raises:
        ModelError: nothing is left to train, no such modules, or fewer layers than are frozen.
    """
    if section.lora is not None:
        if section.lora.quantization is not None:
            quantize(model, section.lora.quantization)
        put_in(model, section.lora)
        _freeze(model, _is_base(model))
    elif section.freeze == "base":
        _freeze(model, _is_base(model))
    elif section.freeze is not None:
        deepest = 0 if section.freeze == "embeddings" else section.freeze
        depth = depths(model)
        layers = max(depth.values()) - 1
        if deepest > layers:
            raise ModelError(f"model.freeze: {deepest} layers, but the model has {layers}")
        _freeze(model, {name for name, at in depth.items() if at <= deepest})
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ModelError(
            "model.freeze: nothing is left to train: this task has no head of its own; freeze "
            "`embeddings` or some layers, or train adapters (model.lora)"
        )


def put_in(model: PreTrainedModel, section: LoraSection) -> None:
    """Low-rank adapters in the modules that are named, and a note of it in the configuration.

    Raises:
        ModelError: a name is that of no matrix of the base model; the nearest is told.
    """
    base = model.base_model
    start = f"{model.base_model_prefix}." if base is not model else ""
    matrices = [
        f"{start}{name}"
        for name, module in base.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
    ]
    if section.target_modules is not None:
        ends = {name.rpartition(".")[2] for name in matrices}
        for wanted in section.target_modules:
            if not any(_ends(name, wanted) for name in matrices):
                raise ModelError(
                    f"model.lora.target_modules: no matrix of the model is named {wanted!r}"
                    f"{did_you_mean(wanted, sorted(ends))}; it has {', '.join(sorted(ends))}"
                )
        matrices = [n for n in matrices if any(_ends(n, w) for w in section.target_modules)]
    if not matrices:
        raise ModelError(f"model.lora: {model.config.model_type} has no linear layer to adapt")
    peft = importlib.import_module("peft")
    config = peft.LoraConfig(
        r=section.r, lora_alpha=section.alpha, lora_dropout=section.dropout,
        target_modules=matrices, use_rslora=section.use_rslora, use_dora=section.use_dora,
        fan_in_fan_out=isinstance(model.get_submodule(matrices[0]), Conv1D),  # as GPT-2 stores them
    )  # fmt: skip
    learning = {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    peft.inject_adapter_in_model(config, model)
    for parameter in model.parameters():  # peft freezes all but adapters; `adapt` decides of that
        parameter.requires_grad_(parameter.requires_grad or id(parameter) in learning)
    setattr(model.config, NOTE, section.model_dump())


def merge(model: PreTrainedModel) -> None:
    """Add the adapters to the weights they stand beside, and take them out: an ordinary model."""
    if (getattr(model.config, NOTE, None) or {}).get("quantization"):
        dequantize(model)
    for parent, name, layer in list(_adapted(model)):
        layer.merge(safe_merge=True)
        setattr(parent, name, layer.get_base_layer())
    lay_out(model)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    for owner, attribute in ((model, "peft_config"), (model.config, NOTE)):
        if hasattr(owner, attribute):
            delattr(owner, attribute)


def save_adapter(model: PreTrainedModel, folder: Path, source: str) -> None:
    """Adapters and head alone, as `peft.PeftModel.from_pretrained` opens them.

    Args:
        model: with adapters in it.
        folder: made anew.
        source: of the base model.
    """
    folder.mkdir(parents=True)
    adapters: Any = model.peft_config
    (config,) = adapters.values()
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    heads = sorted({n.partition(".")[0] for n in trained if ".lora_" not in n})
    config.base_model_name_or_path, config.modules_to_save = source, heads or None
    config.task_type = next((t for t, c in TASK_TYPES.items() if _has_head(model, c)), None)
    config.save_pretrained(str(folder))
    tensors = {
        _PEFT_PREFIX + name.replace(".default", ""): parameter.detach().cpu().contiguous()
        for name, parameter in trained.items()
    }
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})


def has_adapters(config: PreTrainedConfig) -> bool:
    """Whether a configuration is that of a checkpoint with adapters in it."""
    return getattr(config, NOTE, None) is not None


def open_merged(
    folder: Path, auto_class: Any, config: PreTrainedConfig, dtype: torch.dtype | str | None
) -> PreTrainedModel:
    """The model of a checkpoint with adapters in it, merged.

    Raises:
        ModelError: the weights are not those that the configuration tells of.
        MissingExtraError: `peft` is absent.
    """
    section = LoraSection.model_validate(getattr(config, NOTE))
    check_library(ModelSection(source=str(folder), lora=section))
    model: PreTrainedModel = auto_class.from_config(
        config, dtype=dtype if isinstance(dtype, torch.dtype) else torch.float32
    )
    put_in(model, section.model_copy(update={"quantization": None}))  # its weights are plain
    weights = _weights(folder)
    if section.quantization is not None:
        weights = dequantized(weights, model)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    tied = set(getattr(model, "all_tied_weights_keys", None) or {})
    if lost := [name for name in missing if name not in tied] + list(unexpected):
        raise ModelError(f"{folder}: its weights do not fit its configuration: {lost[0]}")
    model.tie_weights()
    merge(model)
    return model


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a checkpoint by name."""
    if in_parts.are_in(folder):
        return in_parts.whole_weights(folder)
    files = sorted(folder.glob("*.safetensors"))
    return {name: tensor for file in files for name, tensor in load_file(file).items()}


def _freeze(model: PreTrainedModel, names: set[str]) -> None:
    for name, parameter in model.named_parameters():
        if name in names:
            parameter.requires_grad_(False)


def _is_base(model: PreTrainedModel) -> set[str]:
    """The parameters that a task's head is no part of, adapters apart."""
    head: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call] # not annotated
    output = {id(parameter) for parameter in head.parameters()} if head is not None else set()
    own = {id(parameter) for parameter in model.base_model.parameters()}
    return {
        name
        for name, parameter in model.named_parameters()
        if ".lora_" not in name and id(parameter) in own | output
    }


def _adapted(model: nn.Module) -> Iterator[tuple[nn.Module, str, Any]]:
    """Each module with an adapter: its parent, its name there, itself."""
    for parent in model.modules():
        for name, child in parent.named_children():
            if hasattr(child, "lora_A") and hasattr(child, "get_base_layer"):
                yield parent, name, child


def _ends(name: str, wanted: str) -> bool:
    return name == wanted or name.endswith(f".{wanted}")


def _has_head(model: PreTrainedModel, auto_class: Any) -> bool:
    known = auto_class._model_mapping.get(type(model.config), ())
    return isinstance(model, known)
