"""Checkpoints that are whole or absent.

Trainer writes its files straight into `checkpoint-N`, and a kill meanwhile leaves a folder that
looks like a checkpoint. Here they are written aside, listed in a manifest (size and SHA-256 of
each file) with the id of the run, synced, and renamed: `checkpoint-N` exists whole or not at all.
"""

import contextlib
import json
import logging
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lmkit.errors import CheckpointError
from lmkit.hashing import sha256_of

logger = logging.getLogger(__name__)

SEAL = "lmkit.json"
NAME = re.compile(r"checkpoint-(\d+)")
ASIDE = re.compile(r"\.tmp-checkpoint-\d+")
RUN_STATE = "run_state.json"


@dataclass(frozen=True)
class Found:
    """What `newest_whole` found, and what it passed over."""

    path: Path | None
    """The newest checkpoint whose every file is as it was written."""
    skipped: list[str]
    """One line a checkpoint that was not taken: its name and why."""


def seal(folder: Path, run_id: str) -> None:
    """List every file of a finished folder in its manifest, and sync them all to the disk."""
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        files[path.relative_to(folder).as_posix()] = [path.stat().st_size, sha256_of(path)]
        _sync(path)
    text = json.dumps({"run_id": run_id, "files": files}, indent=1)
    (folder / SEAL).write_text(text, encoding="utf-8")
    _sync(folder / SEAL)
    _sync(folder)


def fault(folder: Path, run_id: str | None = None) -> str | None:
    """Why a checkpoint cannot be trusted, or None if every file is as it was written.

    Args:
        folder: the checkpoint.
        run_id: the run it must belong to; None accepts any.
    """
    try:
        manifest = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        owner, listed = manifest["run_id"], dict(manifest["files"])
        files = {name: (size, digest) for name, (size, digest) in listed.items()}
    except (OSError, ValueError, KeyError, TypeError):
        return f"{SEAL} is missing or damaged"
    if run_id is not None and owner != run_id:
        return f"it belongs to another run ({owner})"
    for name, (size, digest) in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size} bytes instead of {size}"
        if sha256_of(path) != digest:
            return f"{name} is damaged (its SHA-256 differs)"
    return None


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder by step, the newest first."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if NAME.fullmatch(path.name)]
    return sorted(found, key=step_of, reverse=True)


def step_of(path: Path) -> int:
    """The optimizer step a checkpoint was written after."""
    return int(path.name.rpartition("-")[2])


def newest_whole(folder: Path, run_id: str) -> Found:
    """The newest checkpoint of this run that verifies, and why newer ones do not."""
    skipped: list[str] = []
    for path in checkpoints(folder):
        problem = fault(path, run_id)
        if problem is None:
            return Found(path, skipped)
        skipped.append(f"{path.name}: {problem}")
    return Found(None, skipped)


def publish(aside: Path, final: Path, run_id: str) -> None:
    """Seal a folder written aside and give it its name, in one step."""
    seal(aside, run_id)
    if final.exists():
        shutil.rmtree(final)  # an unverified one of the same step: this one replaces it
    aside.rename(final)
    _sync(final.parent)


def rotate(folder: Path, keep: int | None, best: str | None) -> None:
    """Delete old checkpoints, never the best and never the newest; only whole ones count."""
    if keep is None:
        return
    found = checkpoints(folder)
    kept = [path for path in found if best is not None and path.resolve() == Path(best).resolve()]
    for path in found:
        if path in kept:
            continue
        if path == found[0] or len(kept) < keep:
            kept.append(path)
        else:
            shutil.rmtree(path, ignore_errors=True)


def remove_debris(folder: Path) -> None:
    """Delete what a killed save left aside."""
    if folder.is_dir():
        for path in folder.iterdir():
            if ASIDE.fullmatch(path.name):
                shutil.rmtree(path, ignore_errors=True)


def require_space(folder: Path, needed: int) -> None:
    """Refuse to begin a save that the disk cannot hold.

    Raises:
        CheckpointError: says how many megabytes are needed and free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CheckpointError(
            f"{folder}: no room for a checkpoint: {needed / 1e6:.0f} MB needed, "
            f"{free / 1e6:.0f} MB free"
        )


def tensor_bytes(state: Any) -> int:
    """Bytes of all tensors in a state, those that share memory counted once."""
    found: dict[int, int] = {}

    def visit(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            found[value.data_ptr()] = value.nbytes
        elif isinstance(value, Mapping):
            for item in value.values():
                visit(item)
        elif isinstance(value, list | tuple):
            for item in value:
                visit(item)

    visit(state)
    return sum(found.values())


def folder_size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def write_run_state(folder: Path, state: dict[str, Any]) -> None:
    """Keep what lmkit itself must carry over a resume (totals of tokens, time and loss)."""
    (folder / RUN_STATE).write_text(json.dumps(state), encoding="utf-8")


def read_run_state(folder: Path) -> dict[str, Any]:
    """What `write_run_state` kept."""
    state: dict[str, Any] = json.loads((folder / RUN_STATE).read_text(encoding="utf-8"))
    return state


def _sync(path: Path) -> None:
    """Have the disk hold it. Some network file systems cannot sync a folder; that is let be."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if path.is_dir():
            with contextlib.suppress(OSError):
                os.fsync(descriptor)
        else:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
