"""What a run leaves behind, and reading it: the names of its files, whole-or-absent writing.

A run folder is told by its `recipe.yaml` and `manifest.json`. `model_folder` turns what a user
names (a run, a checkpoint, a model folder, a hub name) into what `from_pretrained` opens.
"""

import contextlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmkit.durable import sync
from lmkit.errors import ModelError, RunFolderError
from lmkit.recipe.nearest import nearest

FINISHED = "finished"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


class RunFolder:
    """The names inside a run folder (contract, "The run folder")."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.recipe = self.path / "recipe.yaml"
        self.manifest = self.path / "manifest.json"
        self.metrics = self.path / "metrics.jsonl"
        self.samples = self.path / "samples.jsonl"
        self.guard = self.path / "guard.json"
        self.summary = self.path / "summary.json"
        self.rows = self.path / "rows.npz"
        self.details = self.path / "details.json"
        self.report = self.path / "report.html"
        self.stream = self.path / "stream.json"
        self.model = self.path / "model"
        self.adapter = self.path / "adapter"
        self.checkpoints = self.path / "checkpoints"
        self.tensorboard = self.path / "tensorboard"

    def is_run(self) -> bool:
        """Whether lmkit made this folder."""
        return self.recipe.is_file() and self.manifest.is_file()

    def is_finished(self) -> bool:
        """Whether the run reached its end: what the manifest says is the last thing written.

        Model and summary alone are not it: a run that is made longer still has those of before.
        """
        there = self.is_run() and self.summary.is_file() and self.model.is_dir()
        return there and self.read_manifest().get("status") == FINISHED

    def read_manifest(self) -> dict[str, Any]:
        """The manifest as it stands.

        Raises:
            RunFolderError: it cannot be read or is damaged; the file is named.
        """
        return read_json(self.manifest)


def read_json(path: Path) -> dict[str, Any]:
    """One JSON object from a file of a run.

    Raises:
        RunFolderError: the file cannot be read or does not hold an object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path}: cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise RunFolderError(f"{path}: holds a {type(value).__name__}, not an object")
    return value


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of a text in UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a small file whole or not at all: aside, synced, renamed.

    Raises:
        RunFolderError: the folder cannot be written or the disk is full.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):  # its folder may be no folder
            aside.unlink(missing_ok=True)
        raise RunFolderError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """`write_text` of one JSON object, indented; a number that is not finite is an error."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def find_run(target: str) -> RunFolder:
    """The run that a user names.

    Raises:
        RunFolderError: there is none; names the nearest, the run that the folder lies in, or the
            runs that lie in it.
    """
    run = RunFolder(target)
    if run.is_run():
        return run
    path = Path(target)
    if not path.exists():
        near = _nearest(path)
        raise RunFolderError(
            f"{target}: there is no such folder" + (f"; did you mean {near}?" if near else "")
        )
    hint = ""
    around = [above for above in path.absolute().parents if RunFolder(above).is_run()]
    if around:
        hint = f"; it lies in the run {around[0]}"
    elif path.is_dir():
        inside = sorted(str(below) for below in path.iterdir() if RunFolder(below).is_run())
        hint = f"; it holds runs: {', '.join(inside[:5])}" if inside else ""
    raise RunFolderError(
        f"{target}: is not a run of lmkit, which has a recipe.yaml and a manifest.json{hint}"
    )


def model_folder(target: str) -> str:
    """The folder (or hub name) that `from_pretrained` opens for a `TARGET`.

    A run folder stands for its `model/`; a checkpoint or any folder with a `config.json` or
    tokenizer files for itself; a name of the form `name` or `org/name` that is no folder for the
    hub's.

    Raises:
        ModelError: there is no such folder (the nearest is named), or an unfinished run has no
            model yet (its newest checkpoint is named).
    """
    path = Path(target)
    run = RunFolder(path)
    if run.is_run():
        if run.model.is_dir():
            return str(run.model)
        steps = [
            int(path.name.partition("-")[2])
            for path in run.checkpoints.glob("checkpoint-*")
            if path.name.partition("-")[2].isdecimal()
        ]
        last = run.checkpoints / f"checkpoint-{max(steps, default=0)}"
        newest = f"; its newest checkpoint is {last}" if steps else ""
        raise ModelError(f"{target}: this run is unfinished and has no model/ yet{newest}")
    if path.is_dir():
        return str(path)
    if path.exists():
        raise ModelError(
            f"{target}: is a file; a run folder, a model folder or a hub name is needed"
        )
    beside_others = path.parent != Path() and path.parent.is_dir()
    if HUB_NAME.fullmatch(target) and not beside_others:
        return target
    near = _nearest(path)
    hint = f"; did you mean {near}?" if near else ""
    raise ModelError(f"{target}: there is no such folder{hint}")


def _nearest(path: Path) -> str | None:
    """The existing neighbor whose name is most like a missing one's."""
    parent = path.parent
    if not parent.is_dir():
        return None
    names = [entry.name for entry in parent.iterdir() if entry.is_dir()]
    close = nearest(path.name, names)
    return str(parent / close) if close else None
