"""Checkpoints that are whole or absent.

Trainer writes its files straight into `checkpoint-N`, and a kill meanwhile leaves a folder that
looks like a checkpoint. Here they are written aside, listed in a manifest (size and SHA-256 of
each file) with the id of the run, synced, and renamed: `checkpoint-N` exists whole or not at all.
An old one is renamed before it is deleted, so that a kill meanwhile leaves no half of it.
"""

import json
import logging
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch.distributed.tensor import DTensor

from lmkit.durable import put_in_place, sync
from lmkit.errors import CheckpointError
from lmkit.hashing import sha256_of

logger = logging.getLogger(__name__)

SEAL = "lmkit.json"
NAME = re.compile(r"checkpoint-(\d+)")
ASIDE = re.compile(r"\.(tmp|old)-(checkpoint-\d+)")
RUN_STATE = "run_state.json"


@dataclass(frozen=True)
class Found:
    """What `newest_whole` found, and what it passed over."""

    path: Path | None
    """The newest checkpoint whose every file is as it was written."""
    skipped: list[str]
    """One line a checkpoint that was not taken: its name and why."""


def seal(folder: Path, run_id: str) -> None:
    """List every file of a finished folder in its manifest, each on the disk before the list."""
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        files[path.relative_to(folder).as_posix()] = [path.stat().st_size, sha256_of(path)]
        sync(path)
    text = json.dumps({"run_id": run_id, "files": files}, indent=1)
    (folder / SEAL).write_text(text, encoding="utf-8")


def fault(folder: Path, run_id: str | None = None, *, glance: bool = False) -> str | None:
    """Why a checkpoint cannot be trusted, or None if every file is as it was written.

    Args:
        folder: the checkpoint.
        run_id: the run it must belong to; None accepts any.
        glance: look at names and sizes alone, and do not read the files.
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
        if not glance and sha256_of(path) != digest:
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


def written_aside(final: Path) -> Path:
    """Where the files of a checkpoint lie until it is whole."""
    return final.with_name(f".tmp-{final.name}") / final.name


def publish(final: Path, run_id: str) -> None:
    """Seal the folder that was written aside and give it its name, in one step.

    One of the same step that is there already stays aside until the new one has its name.
    """
    aside = written_aside(final)
    seal(aside, run_id)
    put_in_place(aside, final, final.with_name(f".old-{final.name}"))
    aside.parent.rmdir()


def rotate(newest: Path, keep: int | None, best: str | None, run_id: str) -> None:
    """Delete old checkpoints, once a new one is whole; never that one and never the best.

    Those of another run, damaged ones and those of later steps (a resume passed them over) neither
    count nor are touched.

    Args:
        newest: the checkpoint that was just written.
        keep: how many may stay, the best beside them; None: all.
        best: the path of the best by validation, if one is chosen.
        run_id: the run whose checkpoints these are.
    """
    if keep is None:
        return
    ours = [
        path
        for path in checkpoints(newest.parent)
        if step_of(path) <= step_of(newest) and fault(path, run_id, glance=True) is None
    ]
    kept = [path for path in ours if best is not None and path.resolve() == Path(best).resolve()]
    for path in ours:
        if path in kept:
            continue
        if path == newest or len(kept) < keep:
            kept.append(path)
        else:
            leaving = path.with_name(f".old-{path.name}")
            shutil.rmtree(leaving, ignore_errors=True)
            try:
                path.rename(leaving)
            except OSError as error:
                logger.warning("%s is not needed any more and cannot be deleted: %s", path, error)
            shutil.rmtree(leaving, ignore_errors=True)


def tidy(folder: Path, run_id: str) -> None:
    """Clear up after a killed save: what is whole gets its name, all else aside is deleted.

    A checkpoint is sealed a moment before it is renamed, and one of the same step may have been
    moved out of its way: a kill between the two must not cost either.
    """
    left = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []  # .tmp before .old
    for path in left:
        if match := ASIDE.fullmatch(path.name):
            final = folder / match[2]
            whole = path / final.name if match[1] == "tmp" else path
            if not final.exists() and fault(whole, run_id) is None:
                whole.rename(final)
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def told_where_code(folder: Path | str) -> Iterator[None]:
    """A file of a checkpoint that asks for more than numbers is refused: it could run code.

    Torch reads such a file with `weights_only`, which calls nothing that the file names.

    Raises:
        CheckpointError: names the checkpoint, and what was asked for.
    """
    try:
        yield
    except UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        asked = f" ({found[1]})" if found else ""
        raise CheckpointError(
            f"{folder}: a file of it is no state of a run: it holds objects{asked} that could run "
            "code when opened, so it was not read; go on from another checkpoint (delete this "
            "one), or start anew with --overwrite"
        ) from error


def tensor_bytes(state: Any) -> int:
    """Bytes of all tensors in a state, those that share memory counted once.

    One that is shared among processes counts whole, as all of them write it together.
    """
    found: dict[int, int] = {}

    def visit(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            held = value.to_local() if isinstance(value, DTensor) else value
            found[held.data_ptr()] = value.nbytes
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
