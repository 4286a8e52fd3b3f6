"""Facts about a model's configuration, checked before any data is read.

transformers takes any key in a configuration and keeps a misspelled one in silence; here the keys
of a recipe's `model.config` are held against the fields of the configuration class.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from transformers import CONFIG_MAPPING, PretrainedConfig, PreTrainedModel

from lmkit.errors import ModelError
from lmkit.models import lstm  # noqa: F401 - makes transformers know its model type
from lmkit.recipe.base import TaskOptions
from lmkit.recipe.nearest import did_you_mean

# These number their positions from pad_token_id + 1, so two (or so) of the table are never used
# (transformers, create_position_ids_from_input_ids).
POSITIONS_AFTER_PADDING = frozenset(
    {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "roberta-prelayernorm", "longformer",
     "data2vec-text", "ibert", "xmod", "layoutlmv3", "markuplm", "lilt", "luke", "esm"}
)  # fmt: skip
PROBE_LENGTH = 8
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
CONVERT = (
    "convert it once, where you trust the file: AutoModel.from_pretrained(FOLDER)"
    ".save_pretrained(NEW_FOLDER) writes safetensors"
)
# What every configuration class has and a recipe has no business with.
NOT_FOR_RECIPES = frozenset({"transformers_version", "architectures", "dtype", "_name_or_path"})


def config_class(architecture: str) -> type[PretrainedConfig]:
    """The configuration class of a model type of transformers.

    Raises:
        ModelError: there is no such model type; the nearest are named.
    """
    if architecture not in CONFIG_MAPPING:
        hint = did_you_mean(architecture, CONFIG_MAPPING)
        raise ModelError(
            f"model.architecture: transformers has no model type {architecture!r}{hint}"
        )
    found: type[PretrainedConfig] = CONFIG_MAPPING[architecture]
    return found


def check_config_keys(cls: type[PretrainedConfig], keys: dict[str, Any]) -> None:
    """Hold the keys of `model.config` against the fields of the configuration class.

    Raises:
        ModelError: names every unknown key with the nearest field.
    """
    fields = {field.name for field in dataclasses.fields(cls)} | set(cls.attribute_map)
    fields -= NOT_FOR_RECIPES
    problems = []
    for key in keys:
        if key not in fields:
            hint = did_you_mean(key, sorted(fields))
            problems.append(f"model.config.{key}: {cls.model_type} has no such key{hint}")
    if problems:
        raise ModelError("\n".join(problems))


def make_config(architecture: str, keys: dict[str, Any]) -> PretrainedConfig:
    """A configuration from a recipe's `architecture` and `config`.

    Raises:
        ModelError: an unknown model type or key, or a value of the wrong kind.
    """
    cls = config_class(architecture)
    check_config_keys(cls, keys)
    try:
        return cls(**keys)
    except (StrictDataclassError, ValueError, TypeError) as error:
        raise ModelError(f"model.config: {architecture} refuses it: {one_line(error)}") from error


def override_config(config: PretrainedConfig, keys: dict[str, Any]) -> None:
    """Set keys of a loaded configuration, checked as `make_config` does.

    Raises:
        ModelError: an unknown key, or a value of the wrong kind.
    """
    check_config_keys(type(config), keys)
    try:
        for key, value in keys.items():
            setattr(config, key, value)
        config.validate()
    except (StrictDataclassError, ValueError, TypeError) as error:
        raise ModelError(
            f"model.config: {config.model_type} refuses it: {one_line(error)}"
        ) from error


def usable_positions(config: PretrainedConfig) -> int | None:
    """The longest sequence the model can read, in tokens; None where nothing bounds it."""
    positions = getattr(config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions <= 0:
        return None
    return positions - first_position(config)


def length_limit(options: TaskOptions, config: PretrainedConfig) -> int:
    """`max_length` of a task; where it was left to lmkit, at most the model's positions."""
    limit = int(getattr(options, "max_length"))  # noqa: B009 - not every task has it
    positions = usable_positions(config)
    if "max_length" in options.model_fields_set or positions is None:
        return limit
    return min(limit, positions)


def first_position(config: PretrainedConfig) -> int:
    """The number that the model gives to the position of a sequence's first token."""
    if config.model_type == "mpnet":  # as those below, but from 2 on whatever the padding is
        return 2
    if config.model_type in POSITIONS_AFTER_PADDING:
        return (getattr(config, "pad_token_id", None) or 0) + 1
    return 0


def check_padding(config: PretrainedConfig) -> None:
    """Refuse a model that counts positions from its padding token where there is none.

    Raises:
        ModelError: says which key to set.
    """
    if config.model_type in POSITIONS_AFTER_PADDING and config.pad_token_id is None:
        raise ModelError(
            f"model: {config.model_type} counts positions from its padding token, and the "
            "tokenizer has none; set model.config.pad_token_id to an id that no text holds"
        )


def probe_length(config: PretrainedConfig) -> int:
    """Tokens enough to see what a model does with them; fewer where it reads no more."""
    return min(PROBE_LENGTH, usable_positions(config) or PROBE_LENGTH)


def vocabulary_size(model: PreTrainedModel) -> int:
    """The rows of the embedding table: one more than the largest token id it takes."""
    table: Any = model.get_input_embeddings()
    return int(table.weight.shape[0])


def saved_with_head(config: PretrainedConfig, classes: Mapping[str, Any]) -> bool:
    """Whether a model was saved as one of these classes, named by model type."""
    own = classes.get(config.model_type, ())
    names = (own,) if isinstance(own, str) else own
    return any(name in names for name in config.architectures or ())


def one_line(error: BaseException) -> str:
    """The text of an error with line breaks and runs of spaces folded."""
    return " ".join(str(error).split())


def require_weights(folder: Path) -> None:
    """A local folder whose weights are pickled or absent is refused.

    Raises:
        ModelError: says which, and what to do.
    """
    if not folder.is_dir():
        return
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(f.name for f in folder.iterdir() if f.suffix in PICKLES)
    if pickles:
        what = f"holds only pickled weights ({', '.join(pickles)}), which can run code when opened"
        raise ModelError(f"{folder}: {what}; {CONVERT}")
    raise ModelError(f"{folder}: holds no weights (model.safetensors)")
