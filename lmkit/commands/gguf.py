"""Take the models of llama.cpp: a .gguf file is made a model folder once, and kept in the cache.

transformers reads the file, but anew for each of configuration, tokenizer and weights, a quarter of
a minute each; from the folder all three are there in a second. Quantized weights become float32,
the values that they stand for; so a folder takes four bytes a weight.
"""

import logging
import struct
from collections.abc import Mapping
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lmkit.data.cache import cache_dir, entry
from lmkit.data.tokenizer import save_tokenizer
from lmkit.errors import CacheError, ModelError, require_extra
from lmkit.hashing import sha256_of
from lmkit.models.inspecting import one_line
from lmkit.models.libraries import quiet_libraries
from lmkit.models.unreadable import UNREADABLE
from lmkit.recipe.sections import Recipe
from lmkit.vocabulary import id_count

KIND = "models"
"""The folder of the cache that holds them."""
SUFFIX = ".gguf"

logger = logging.getLogger(__name__)


def as_folder(target: str) -> str:
    """A model folder for a `.gguf` file, or for a folder that holds one and no `config.json`.

    Any other target is given back as it is.

    Raises:
        ModelError: the file is damaged, of no causal model, or not the only one of its folder.
        MissingExtraError: `gguf` is absent.
    """
    file = _file(Path(target).expanduser())
    if file is None:
        return target
    require_extra(target, "gguf", "gguf")
    with file.open("rb") as opened:
        if opened.read(4) != b"GGUF":
            raise ModelError(f"{file}: is damaged, or no GGUF file: it does not begin with `GGUF`")
    found = entry(cache_dir() / KIND / sha256_of(file)[:32], lambda folder: _convert(file, folder))
    return str(found.folder)


def with_folders(recipe: Recipe) -> Recipe:
    """The recipe with such folders in the places of `.gguf` files."""
    changed = recipe
    for name in ("model", "tokenizer"):
        section = getattr(recipe, name)
        if section.source is not None and (folder := as_folder(section.source)) != section.source:
            section = section.model_copy(update={"source": folder})
            changed = changed.model_copy(update={name: section})
    return changed


def _file(path: Path) -> Path | None:
    if path.suffix == SUFFIX and path.is_file():
        return path
    if not path.is_dir() or (path / "config.json").exists():
        return None
    found = sorted(path.glob(f"*{SUFFIX}"))
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise ModelError(f"{path}: holds several models; name one of {names}")
    return found[0] if found else None


def _convert(file: Path, folder: Path) -> Mapping[str, Any]:
    logger.info("%s: made a model folder, once; this takes a minute or so", file)
    quiet_libraries()
    where: dict[str, Any] = {"gguf_file": file.name, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(file.parent, **where)
        with redirect_stderr(StringIO()):  # its bar of progress is not to be turned off
            load: Any = AutoModelForCausalLM.from_pretrained
            model = load(file.parent, dtype=torch.float32, **where)
    except (*UNREADABLE, LookupError, TypeError, AttributeError, struct.error) as error:
        raise ModelError(f"{file}: cannot be read: {one_line(error)[:300]}") from error
    # Nothing is quantized any more, whatever transformers notes of where it came from.
    model.hf_quantizer = None
    del model.config.quantization_config
    needed = id_count(tokenizer)
    if needed > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(needed)  # transformers adds `<|endoftext|>`
    positions = getattr(model.config, "max_position_embeddings", None)
    if isinstance(positions, int):
        tokenizer.model_max_length = positions  # the file does not say it, the model does
    try:
        model.save_pretrained(str(folder))
        save_tokenizer(tokenizer, folder)
    except OSError as error:
        raise CacheError(f"{folder}: cannot be written: {error}") from error
    return {"source": str(file), "parameters": model.num_parameters()}
