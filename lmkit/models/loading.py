"""Make or open a model: built from a recipe's configuration, or read from a folder or the hub.

Weights are read from safetensors only: a pickle can run code when it is opened. Code that comes
with a model is run in training alone, for a recipe that allows it. Everything that can be wrong is
told as a `ModelError` before training.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from lmkit import own_code
from lmkit.errors import ModelError
from lmkit.hub import model_commit
from lmkit.models import in_parts
from lmkit.models.activations import fuse_activations
from lmkit.models.adapting import has_adapters, open_merged
from lmkit.models.device import default_device
from lmkit.models.inspecting import (
    check_padding,
    make_config,
    one_line,
    override_config,
    require_weights,
    usable_positions,
    vocabulary_size,
)
from lmkit.models.libraries import quiet_libraries
from lmkit.models.positions import start_with_waves
from lmkit.models.unreadable import UNREADABLE, told
from lmkit.recipe.sections import ModelSection
from lmkit.run_folder import model_folder
from lmkit.vocabulary import id_count


class ModelLoader:
    """The model of a recipe's `model` section; the class and the head are the task's to say."""

    def __init__(self, section: ModelSection, *, resize: bool = False) -> None:
        """Keep the section; `resize` lets a larger tokenizer grow the embeddings (`add_tokens`)."""
        if section.trust_remote_code:
            own_code.warn("model", str(section.source))
        self.section = section
        self.resize = resize

    def config(self) -> PreTrainedConfig:
        """The configuration alone, read and checked before any data is.

        Raises:
            ModelError: unknown architecture or key, a wrong value, or no such model.
        """
        if self.section.architecture is not None:
            return make_config(self.section.architecture, self.section.config)
        config = open_config(
            str(self.section.source), self.section.revision, trusted=self.section.trust_remote_code
        )
        override_config(config, self.section.config)
        return config

    def load(
        self,
        auto_class: Any,
        tokenizer: PreTrainedTokenizerBase,
        *,
        positions: int | None = None,
        **head: Any,
    ) -> PreTrainedModel:
        """The model with the head of `auto_class`, its vocabulary and positions fitting the task.

        Args:
            auto_class: an `AutoModelFor...` class.
            tokenizer: gives a new model its vocabulary size and special token ids.
            positions: the longest sequence of the task, in tokens; a new model gets as many
                unless its recipe says otherwise.
            head: further configuration of the head (`id2label`, ...).

        Raises:
            ModelError: the vocabulary or the positions are too small, the architecture lacks such
                a head, or the weights cannot be read.
        """
        config = self.config()
        trusted = self.section.trust_remote_code
        if not (trusted and _brings(config, auto_class)) and (
            type(config) not in auto_class._model_mapping
        ):
            raise ModelError(
                f"model: {config.model_type} has no {auto_class.__name__.removeprefix('AutoModel')}"
                " head in transformers"
            )
        if self.section.architecture is not None:
            self._fit_to_task(config, tokenizer, positions)
        check_padding(config)
        self._check_positions(config, positions)
        labels = config.num_labels
        for key, value in head.items():
            setattr(config, key, value)
        kwargs: dict[str, Any] = {"dtype": getattr(torch, self.section.dtype or "float32")}
        if self.section.attn_implementation is not None:
            kwargs["attn_implementation"] = self.section.attn_implementation
        if self.section.architecture is not None:
            model = _build(auto_class, config, kwargs)
            if self.section.position_init is not None:
                start_with_waves(model)
        else:
            model = open_model(
                str(self.section.source), auto_class, config=config,
                revision=self.section.revision, new_head=config.num_labels != labels,
                trusted=trusted, **kwargs,
            )  # fmt: skip
        self._check_vocabulary(model, tokenizer)
        fuse_activations(model)
        return model

    def _fit_to_task(
        self, config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, positions: int | None
    ) -> None:
        given = self.section.config
        if "vocab_size" not in given:
            config.vocab_size = id_count(tokenizer)
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            if name not in given and hasattr(config, name):
                setattr(config, name, getattr(tokenizer, name))
        mapped = config.attribute_map.get("max_position_embeddings", "max_position_embeddings")
        if (
            positions
            and not {mapped, "max_position_embeddings"} & set(given)
            and hasattr(config, mapped)
        ):
            usable = usable_positions(config)
            if usable is not None:
                setattr(config, mapped, positions + getattr(config, mapped) - usable)

    def _check_positions(self, config: PreTrainedConfig, positions: int | None) -> None:
        usable = usable_positions(config)
        if positions is not None and usable is not None and positions > usable:
            raise ModelError(
                f"task: sequences of {positions} tokens are asked for, but {config.model_type} "
                f"here has {usable} positions; lower block_size (or max_length) to at most {usable}"
            )

    def _check_vocabulary(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        held, needed = vocabulary_size(model), id_count(tokenizer)
        if needed <= held:
            return
        if self.resize:
            model.resize_token_embeddings(needed)
            return
        raise ModelError(
            f"tokenizer: its largest id is {needed - 1}, but the model's vocabulary holds {held} "
            f"(ids 0 to {held - 1}); take the model's own tokenizer, or set "
            f"model.config.vocab_size to at least {needed} for a new model"
        )


def open_config(
    source: str, revision: str | None = None, *, trusted: bool = False
) -> PreTrainedConfig:
    """The configuration of a folder, a run or a hub model; `trusted` code of its own is run.

    Raises:
        ModelError: the folder has no readable `config.json`, or an unknown model type.
        HubError: the hub cannot be reached, or has no such model.
    """
    folder = model_folder(source)
    if Path(folder).is_dir() and not (Path(folder) / "config.json").is_file():
        raise ModelError(f"{folder}: no config.json, so this is no model folder")
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(
            folder, trust_remote_code=trusted, **_from_where(folder, revision)
        )
    except UNREADABLE as error:
        raise told(folder, error) from error
    return config


def open_model(
    source: str,
    auto_class: Any,
    *,
    revision: str | None = None,
    new_head: bool = False,
    trusted: bool = False,
    **kwargs: Any,
) -> PreTrainedModel:
    """The weights of a folder, a run or a hub model, from safetensors only.

    Args:
        source: folder, run folder or hub name.
        auto_class: an `AutoModel...` class.
        revision: of a hub model.
        new_head: the configuration asks for another number of labels than the saved head has; it
            is made anew, with random weights.
        trusted: run the code that comes with it.
        kwargs: for `from_pretrained`.

    Raises:
        ModelError: the weights are pickled (with the way to convert them), absent, damaged, or of
            another shape than the configuration says.
        HubError: the hub cannot be reached, or has no such model.
    """
    folder = model_folder(source)
    require_weights(Path(folder))
    quiet_libraries()
    config = kwargs.get("config") or open_config(source, revision, trusted=trusted)
    if has_adapters(config):
        return open_merged(Path(folder), auto_class, config, kwargs.get("dtype"))
    whole = in_parts.whole_weights(Path(folder)) if in_parts.are_in(Path(folder)) else None
    try:
        model: PreTrainedModel
        # an automatic class opens names alone
        opened: Any = auto_class if whole is None else _class_of(auto_class, config)
        model, loaded = opened.from_pretrained(
            folder if whole is None else None,
            state_dict=whole,
            use_safetensors=True,
            trust_remote_code=trusted,
            ignore_mismatched_sizes=True,  # looked at below
            output_loading_info=True,
            **_from_where(folder, revision),
            **{**kwargs, "config": config},
        )
    except UNREADABLE as error:
        raise told(folder, error) from error
    for name, saved, wanted in sorted(loaded["mismatched_keys"]):
        if not new_head or name.startswith(f"{model.base_model_prefix}."):
            raise ModelError(
                f"{folder}: {name} has the shape {list(saved)}, but its configuration (with "
                f"model.config) asks for {list(wanted)}"
            )
    return model


def load_for_inference(
    target: str, auto_class: Any, *, device: str | None = None
) -> PreTrainedModel:
    """A model ready to be asked; float32 on a CPU, stored precision on a GPU.

    Raises:
        ModelError: the target is no model of that kind, or cannot be read.
    """
    config = open_config(target)
    if type(config) not in auto_class._model_mapping:
        raise ModelError(
            f"{target}: {config.model_type} has no "
            f"{auto_class.__name__.removeprefix('AutoModel')} head in transformers"
        )
    chosen = device or default_device()
    dtype = torch.float32 if chosen == "cpu" else "auto"
    model = open_model(target, auto_class, dtype=dtype)
    model.to(chosen)  # type: ignore[arg-type] # its stub knows no string
    model.train(False)
    fuse_activations(model)
    return model


@lru_cache(maxsize=8)
def _hub_commit(name: str, revision: str | None) -> str | None:
    """One question to the hub a model and run, for the configuration and the weights alike."""
    return model_commit(name, revision)


def _from_where(folder: str, revision: str | None) -> dict[str, Any]:
    """A hub model by its commit, or from the local cache where the hub does not answer."""
    if Path(folder).is_dir():
        return {}
    commit = _hub_commit(folder, revision)
    return {"revision": commit or revision, "local_files_only": commit is None}


def _class_of(auto_class: Any, config: PreTrainedConfig) -> type[PreTrainedModel]:
    """The class that an automatic one would take."""
    with torch.device("meta"):  # no weight is made
        return type(auto_class.from_config(config))


def _brings(config: PreTrainedConfig, auto_class: Any) -> bool:
    """Whether the folder has such a head in code of its own."""
    return auto_class.__name__ in (getattr(config, "auto_map", None) or {})


def _build(auto_class: Any, config: PreTrainedConfig, kwargs: dict[str, Any]) -> PreTrainedModel:
    try:
        model: PreTrainedModel = auto_class.from_config(config, **kwargs)
    except (ValueError, TypeError, ImportError, RuntimeError) as error:
        raise ModelError(
            f"model.config: {config.model_type} cannot be built: {one_line(error)}"
        ) from error
    return model
