"""Who may write where: a run folder is new, resumed, finished, or moved aside.

Nothing heavy is imported here, so that `--resume` of a finished run ends at once.
"""

import logging
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmkit.errors import RunFolderError
from lmkit.recipe.load import load_recipe
from lmkit.recipe.run_options import RunOptions
from lmkit.recipe.sections import Recipe
from lmkit.run_folder import RunFolder, read_json

logger = logging.getLogger(__name__)

LENGTH = ("max_steps", "num_train_epochs")


@dataclass(frozen=True)
class Claim:
    """A run folder this process may write."""

    folder: Path
    run_id: str
    earlier: Recipe | None = None
    """The recipe of the run that is resumed, resolved; None for a new run."""
    aside: Path | None = None
    """Where an overwritten run was moved; deleted once the new one has a checkpoint."""


def finished_summary(recipe: Recipe, options: RunOptions) -> dict[str, Any] | None:
    """The summary of a run that `--resume` finds finished, or None where there is work to do."""
    run = RunFolder(str(recipe.output_dir))
    if not options.resume or not run.is_finished():
        return None
    earlier = load_recipe(str(run.recipe))
    longer = any(
        getattr(recipe.train, key) != getattr(earlier.train, key)
        for key in LENGTH
        if key in recipe.train.model_fields_set
    )
    if longer:
        return None
    logger.info("%s: this run is finished; there is nothing to resume", run.path)
    return read_json(run.summary)


def claim(recipe: Recipe, options: RunOptions) -> Claim:
    """Make the run folder ready to be written.

    Raises:
        RunFolderError: it holds a run (and neither `--resume` nor `--overwrite` was given), holds
            something else, or cannot be written.
    """
    path = Path(str(recipe.output_dir)).absolute()
    run = RunFolder(path)
    if run.is_run():
        if options.resume:
            earlier = load_recipe(str(run.recipe))
            return Claim(path, str(run.read_manifest().get("run_id")), earlier)
        if not options.overwrite:
            state = "a finished run" if run.is_finished() else "an unfinished run"
            raise RunFolderError(
                f"{path}: holds {state}; go on with --resume, replace it with --overwrite, or "
                "choose another folder with -o DIR"
            )
        aside = _move_aside(path)
        return Claim(_made(path), _new_id(), aside=aside)
    if path.exists() and not path.is_dir():
        raise RunFolderError(f"{path}: is a file; the output folder needs a name of its own")
    if path.is_dir() and any(_not_ours(path)):
        raise RunFolderError(
            f"{path}: is not empty and not a run of lmkit, so nothing is written there; choose "
            "another folder with -o DIR"
        )
    return Claim(_made(path), _new_id())


def drop_aside(aside: Path | None) -> None:
    """Delete the run that was replaced."""
    if aside is not None:
        shutil.rmtree(aside, ignore_errors=True)


def _new_id() -> str:
    return uuid.uuid4().hex[:16]


def _not_ours(path: Path) -> list[Path]:
    """What a folder holds beside the leavings of a start that failed before its manifest."""
    return [p for p in path.iterdir() if p.name != "recipe.yaml" and not p.name.endswith(".tmp")]


def _move_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.replaced-{number}")).exists():
        number += 1
    path.rename(aside)
    return aside


def _made(path: Path) -> Path:
    """The folder, there and writable."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".{uuid.uuid4().hex[:8]}.tmp"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot be written: {error.strerror or error}; choose another with -o DIR"
        ) from error
    return path
