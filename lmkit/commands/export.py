"""`lmkit export`: a model folder to give away, with adapters merged into their weights."""

import importlib
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers import PreTrainedConfig

from lmkit.commands.gguf import as_folder
from lmkit.commands.subject import recipe_of, task_and_model
from lmkit.data.tokenizer import load_tokenizer, save_tokenizer
from lmkit.errors import ModelError, UsageError
from lmkit.models import in_parts
from lmkit.models.adapting import TASK_TYPES, check_library, has_adapters
from lmkit.models.loading import ModelLoader, open_config, open_model
from lmkit.recipe.model import LoraSection
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.sections import ModelSection
from lmkit.run_folder import model_folder, read_json
from lmkit.tasks import build

logger = logging.getLogger(__name__)

ADAPTER = "adapter_config.json"
TRAINING = ("optimizer", "scheduler", "rng_state", "scaler", "trainer_state", "training_args")
"""What the files of a checkpoint begin with that are of the training, not of the model."""
_HEADS = ("classifier", "score", "qa_outputs")


def export(target: str, output: str, *, merge: bool, base: str | None) -> None:
    """Write a model folder that any tool of the field opens, whole or not at all.

    Args:
        target: a run folder, a checkpoint, a model folder, or a folder of adapters.
        output: a folder that is not there yet, or is empty.
        merge: join adapters and the model that they were trained on.
        base: that model, where the adapters do not name it or it was moved.

    Raises:
        UsageError: the folder holds something; adapters without `merge`; `base` for no adapters.
        ModelError: the target or the base cannot be read, or do not fit.
    """
    final = Path(output)
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise UsageError(f"{output}: is there already; name a folder that is not")
    if not final.parent.is_dir():
        raise UsageError(f"{output}: there is no folder {final.parent}")
    target = as_folder(target)
    folder = Path(model_folder(target))
    if not folder.is_dir():
        raise UsageError(f"{target}: is no folder here; `hf download {target}` gets a hub model")
    if (folder / ADAPTER).is_file():
        if not merge:
            raise UsageError(
                f"{target}: holds adapters, which need their base model; --merge joins the two"
            )
        _write(final, lambda aside: _merged(folder, base, aside))
    elif base is not None:
        raise UsageError(f"--base {base}: {target} holds a whole model and no adapters")
    elif has_adapters(open_config(str(folder))) or in_parts.are_in(folder):
        _write(final, lambda aside: _of_checkpoint(target, aside))
    else:
        open_config(str(folder))
        _write(final, lambda aside: _copied(folder, aside))
    logger.info("%s: written", final)


def _copied(folder: Path, aside: Path) -> None:
    """The files of a model; those of its training stay behind."""
    aside.mkdir()
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith((*TRAINING, ".")):
            shutil.copy2(file, aside / file.name)


def _of_checkpoint(target: str, aside: Path) -> None:
    """A checkpoint with adapters in it, merged; or in parts, put together."""
    options, section = task_and_model(target, recipe_of(target))
    tokenizer = load_tokenizer(str(section.source))
    build(options).build_model(ModelLoader(section), tokenizer).save_pretrained(str(aside))
    save_tokenizer(tokenizer, aside)


def _merged(folder: Path, base: str | None, aside: Path) -> None:
    """Adapters of `peft` in the model that they were trained on."""
    check_library(ModelSection(source=str(folder), lora=LoraSection()))
    said = read_json(folder / ADAPTER)
    source = base or said.get("base_model_name_or_path")
    if not source:
        raise UsageError(f"{folder}: does not say which model it was trained on; give --base MODEL")
    kind = said.get("task_type")
    if kind not in TASK_TYPES:
        hint = did_you_mean(str(kind), list(TASK_TYPES))
        raise ModelError(
            f"{folder / ADAPTER}: task_type is {kind!r}{hint}; known are {', '.join(TASK_TYPES)}"
        )
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        raise ModelError(f"{folder}: holds no adapter_model.safetensors; pickles are not opened")
    config = _config(source, weights)
    model: Any = open_model(source, TASK_TYPES[kind], config=config, new_head=True)
    peft = importlib.import_module("peft")
    try:
        joined = peft.PeftModel.from_pretrained(model, str(folder))
    except (RuntimeError, ValueError, SafetensorError) as error:
        told = " ".join(str(error).split())[:300]
        raise ModelError(f"{folder}: its adapters do not fit {source}: {told}") from error
    joined.merge_and_unload(safe_merge=True).save_pretrained(str(aside))
    holds_tokenizer = any(folder.glob("tokenizer*"))
    save_tokenizer(load_tokenizer(str(folder) if holds_tokenizer else source), aside)


def _config(source: str, weights: Path) -> PreTrainedConfig:
    """That of the base model, with as many labels as the saved head has."""
    config = open_config(source)
    with safe_open(weights, framework="numpy") as tensors:
        heads = [
            tensors.get_slice(name).get_shape()[0]
            for name in tensors.keys()  # noqa: SIM118 - it is no mapping
            if name.endswith(".weight") and any(f".{head}." in name for head in _HEADS)
        ]
    if heads:
        config.num_labels = int(heads[-1])
    return config


def _write(final: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder beside the final one and rename it.

    Raises:
        UsageError: it cannot be written.
    """
    aside = final.with_name(f".{final.name}.tmp")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        fill(aside)
        if final.is_dir():
            final.rmdir()
        aside.rename(final)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{final}: cannot be written: {error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
