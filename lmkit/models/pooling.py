"""One vector for each text, from the states of its tokens; and how a saved model makes it.

How a model pools stands in its configuration (`lmkit_pooling`), so that whoever opens it pools
alike; beside the weights stand the files by which sentence-transformers does. Shape letters: R
texts, T tokens of the longest, H width.
"""

import json
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from lmkit.errors import ModelError

Mode = Literal["mean", "cls", "last"]

KEY = "lmkit_pooling"
_MODULES = "modules.json"
_FOLDER = "1_Pooling"
# The names that sentence-transformers has for them: in one key, and before, in a key each.
_THEIRS: dict[str, Mode] = {"mean": "mean", "cls": "cls", "lasttoken": "last"}
_FLAGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls",
          "pooling_mode_lasttoken": "lasttoken"}  # fmt: skip
_KNOWN = ("Transformer", "Pooling", "Normalize")


class Pooling(NamedTuple):
    """How vectors are made."""

    mode: Mode
    normalize: bool

    def __call__(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """The vectors (R, H) of states (R, T, H), in float32 at least.

        Args:
            states: of the model's last layer.
            mask: (R, T), 1 where a token is of the text and 0 where it is padding, on whichever
                side; None where there is none.
        """
        vectors = pool(states, mask, self.mode)
        return functional.normalize(vectors, dim=-1) if self.normalize else vectors


def pool(states: Tensor, mask: Tensor | None, mode: Mode) -> Tensor:
    """The mean of the states of a text, or that of its first or last token: (R, H)."""
    if states.element_size() < 4:
        states = states.float()
    if mask is None:
        mask = torch.ones(states.shape[:2], dtype=torch.int64, device=states.device)
    if mode == "mean":
        weights = mask.unsqueeze(-1).to(states.dtype)  # (R, T, 1)
        return (states * weights).sum(1) / weights.sum(1).clamp(min=1)
    first, last = mask.argmax(-1), mask.shape[1] - 1 - mask.flip(-1).argmax(-1)  # (R,) a 1 each
    at = first if mode == "cls" else last
    return states[torch.arange(len(states), device=states.device), at]


def is_decoder(config: PreTrainedConfig) -> bool:
    """Whether a token's state knows only those before it, so that the last one knows the text."""
    if getattr(config, "is_decoder", False):
        return True
    kind = config.model_type
    return kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and (
        kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    )


def saved_pooling(config: PreTrainedConfig) -> Pooling | None:
    """How a saved model pools; None where neither its configuration nor its folder says so.

    Raises:
        ModelError: its folder asks for what lmkit does not do.
    """
    kept = getattr(config, KEY, None)
    if isinstance(kept, dict):
        return Pooling(kept["mode"], bool(kept["normalize"]))
    folder = Path(config.name_or_path or "")
    return _by_sentence_transformers(folder) if (folder / _MODULES).is_file() else None


def choose_pooling(config: PreTrainedConfig, mode: Mode | None, normalize: bool | None) -> Pooling:
    """What is asked for, else what the source was trained with, else what suits the model.

    Args:
        config: of the source.
        mode: None leaves it to the source.
        normalize: as `mode`.

    Raises:
        ModelError: a decoder's first token is asked for, the source pools in another way, or it is
            an encoder and a decoder.
    """
    if getattr(config, "is_encoder_decoder", False):
        raise ModelError(
            f"model: {config.model_type} has an encoder and a decoder; embedding takes a model "
            "that is one of them, as bert or llama"
        )
    if mode is None:
        saved = saved_pooling(config)
        mode = saved.mode if saved else "last" if is_decoder(config) else "mean"
        normalize = saved.normalize if saved and normalize is None else normalize
    if mode == "cls" and is_decoder(config):
        raise ModelError(
            f"task.pooling: cls is the state of the first token, which in {config.model_type} "
            "knows nothing of those after it; use last or mean"
        )
    return Pooling(mode, True if normalize is None else normalize)


def as_kept(pooling: Pooling) -> dict[str, Any]:
    """What stands in the configuration under `KEY`."""
    return pooling._asdict()


def write_modules(folder: Path, pooling: Pooling, *, width: int, max_length: int) -> None:
    """Write what sentence-transformers needs to open a model folder and make the same vectors.

    Args:
        folder: that of the weights.
        pooling: how.
        width: H.
        max_length: tokens of a text.
    """
    kinds = [("", "Transformer"), (_FOLDER, "Pooling")]
    if pooling.normalize:
        kinds.append(("2_Normalize", "Normalize"))
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds)
    ]
    for path, _ in kinds:
        (folder / path).mkdir(exist_ok=True)
    theirs = {mode: name for name, mode in _THEIRS.items()}[pooling.mode]
    flags = {flag: name == theirs for flag, name in _FLAGS.items()}
    _write(folder / _MODULES, modules)
    _write(folder / _FOLDER / "config.json", {"word_embedding_dimension": width, **flags})
    _write(folder / "sentence_bert_config.json", {"max_seq_length": max_length})


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _by_sentence_transformers(folder: Path) -> Pooling:
    """What `modules.json` and the pooling configuration of a folder say."""
    try:
        modules = json.loads((folder / _MODULES).read_text(encoding="utf-8"))
        kinds = [module["type"].rpartition(".")[2] for module in modules]
        settings = json.loads((folder / _FOLDER / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{folder / _MODULES}: does not tell how vectors are made: {error}") from (
            error
        )
    named = settings.get("pooling_mode")
    names = [named] if named else [name for flag, name in _FLAGS.items() if settings.get(flag)]
    others = [flag for flag, on in settings.items() if flag.startswith("pooling_mode_") and on]
    unknown = [kind for kind in kinds if kind not in _KNOWN]
    if len(names) != 1 or names[0] not in _THEIRS or unknown or len(others) > 1:
        asked = ", ".join(unknown or others or map(str, names))
        raise ModelError(
            f"{folder}: its vectors are made by {asked}, which is none of {', '.join(_THEIRS)}; "
            "fine-tune it with task.pooling set to mean, cls or last"
        )
    return Pooling(_THEIRS[names[0]], "Normalize" in kinds)
