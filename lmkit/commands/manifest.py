"""manifest.json: what a run was made from and on, so that it can be repeated and trusted."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from lmkit import __version__
from lmkit.commands.claim import Claim
from lmkit.data.clean import cleaning_ledgers
from lmkit.data.sources import Splits
from lmkit.data.tokenizer import tokenizer_fingerprint
from lmkit.evaluation.outside_code import code_hashes
from lmkit.hashing import sha256_of
from lmkit.recipe.run_options import RunOptions
from lmkit.recipe.sections import Recipe
from lmkit.run_folder import FINISHED, RunFolder, write_json

PACKAGES = ("torch", "transformers", "accelerate", "datasets", "tokenizers", "numpy")


def begin_manifest(
    folder: RunFolder,
    claimed: Claim,
    recipe: Recipe,
    options: RunOptions,
    splits: Splits,
    tokenizer: PreTrainedTokenizerBase,
    ledger: Mapping[str, Any],
) -> None:
    """Write the manifest of a run that begins, or add a session to that of one that goes on."""
    now = _now()
    cleaned = cleaning_ledgers(splits)
    session = {"started": now, "command": options.command, **machine()}
    if claimed.earlier is not None and folder.manifest.is_file():
        manifest = folder.read_manifest()
        manifest["sessions"] = [*manifest.get("sessions", []), session]
    else:
        manifest = {
            "run_id": claimed.run_id,
            "started": now,
            "command": options.command,
            "sessions": [session],
        }
    outside = [metric.name for metric in recipe.task.outside_metrics]
    manifest |= {
        "status": "running",
        "replaced": list(claimed.replaced),
        "versions": _versions(),
        "git": _git(),
        "seed": recipe.train.seed,
        "data": {
            split.name: {"sha256": split.fingerprint(), "files": split.describe()}
            for split in splits
            if split is not None
        },
        "ledger": {**ledger, **({"cleaning": cleaned} if cleaned else {})},
        "tokenizer": {"sha256": tokenizer_fingerprint(tokenizer), "vocab_size": len(tokenizer)},
        **({"remote_code": _remote_code()} if recipe.model.trust_remote_code else {}),
        **({"metric_code": code_hashes(outside)} if outside else {}),
        "chosen": {"precision": recipe.train.precision, "compile": recipe.train.compile},
    }
    write_json(folder.manifest, manifest)


def contents(
    earlier: dict[str, Any], splits: Splits, tokenizer: PreTrainedTokenizerBase
) -> dict[str, tuple[str | None, str]]:
    """Hashes of data and tokenizer by key: as an earlier manifest has them, and as they are now."""
    found: dict[str, tuple[str | None, str]] = {}
    for split in splits:
        if split is not None:
            then = earlier.get("data", {}).get(split.name, {}).get("sha256")
            found[f"data.{split.name}.content"] = (then, split.fingerprint())
    then = earlier.get("tokenizer", {}).get("sha256")
    return {**found, "tokenizer.content": (then, tokenizer_fingerprint(tokenizer))}


def end_manifest(folder: RunFolder, **facts: Any) -> None:
    """Add what is known at the end, and say that the run is finished."""
    write_json(
        folder.manifest,
        {**folder.read_manifest(), "status": FINISHED, "finished": _now(), **facts},
    )


def _remote_code() -> dict[str, str]:
    """SHA-256 (hex) of the files of code that came with model and tokenizer, and was run."""
    found = {}
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.startswith("transformers_modules.") and file:  # as transformers imports them
            found[Path(file).name] = sha256_of(Path(file))
    return {name: value for name, value in found.items() if name != "__init__.py"}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _versions() -> dict[str, str]:
    found = {"lmkit": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """What a session runs on."""
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "platform": platform.platform(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": gpus,
        "world_size": int(os.environ.get("WORLD_SIZE", "1")),
    }


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or sys.platform


def _git() -> dict[str, Any] | None:
    """Commit and cleanliness of the folder the command runs in; None outside a checkout."""

    def ask(*words: str) -> str | None:
        try:
            answer = subprocess.run(
                ["git", *words], capture_output=True, text=True, timeout=5, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return answer.stdout.strip() if answer.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    return (
        None if commit is None else {"commit": commit, "dirty": bool(ask("status", "--porcelain"))}
    )
