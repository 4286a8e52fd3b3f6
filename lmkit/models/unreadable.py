"""Why a model cannot be read: what transformers raises, in lmkit's words."""

from pathlib import Path

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from lmkit.errors import HubError, LmkitError, ModelError
from lmkit.models.inspecting import one_line
from lmkit.own_code import REFUSED

# What transformers raises for a folder that it cannot read, or read as asked.
UNREADABLE = (
    OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError, StrictDataclassError
)  # fmt: skip


def told(source: str, error: Exception) -> LmkitError:
    """An error of transformers in lmkit's words: offline hubs apart from broken folders."""
    if "trust_remote_code" in str(error):
        return ModelError(f"{source}: {REFUSED}")
    if Path(source).is_dir():
        return ModelError(f"{source}: cannot be read: {one_line(error)}")
    return HubError(
        f"{source}: there is no such folder here, and the hub did not give it: "
        f"{one_line(error)[:200]}; download it where there is a network "
        f"(`hf download {source} --local-dir FOLDER`) and name the folder instead"
    )
