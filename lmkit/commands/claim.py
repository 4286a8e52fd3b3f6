"""Who may write where: a run folder is new, resumed, finished, or moved aside.

Nothing heavy is imported here, so that `--resume` of a finished run ends at once.
"""

import logging
import shutil
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lmkit import worker
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
    replaces: bool = False
    """Whether a run lies there that the new one replaces."""
    replaced: tuple[str, ...] = ()
    """Where overwritten runs were moved; deleted once the new one has a checkpoint."""


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
    """Make sure that the run folder may be written, and leave everything as it is.

    Raises:
        RunFolderError: it holds a run (and neither `--resume` nor `--overwrite` was given), holds
            something else, or cannot be written.
    """
    path = Path(str(recipe.output_dir)).absolute()
    run = RunFolder(path)
    claimed = Claim(path, _new_id())
    if run.is_run():
        if options.resume:
            earlier = load_recipe(str(run.recipe))
            manifest = run.read_manifest()
            kept = tuple(manifest.get("replaced", ()))
            claimed = Claim(path, str(manifest.get("run_id")), earlier, replaced=kept)
        elif options.overwrite:
            # a run that was itself still to replace one hands that on
            kept = tuple(run.read_manifest().get("replaced", ()))
            claimed = Claim(path, _new_id(), replaces=True, replaced=kept)
        else:
            raise RunFolderError(_taken(run))
    elif path.exists() and not path.is_dir():
        raise RunFolderError(f"{path}: is a file; the output folder needs a name of its own")
    elif path.is_dir() and _not_ours(path):
        raise RunFolderError(
            f"{path}: is not empty and not a run of lmkit, so nothing is written there; choose "
            "another folder with -o DIR"
        )
    _try_writing(path.parent if claimed.replaces else path)
    return claimed


def take(claimed: Claim) -> Claim:
    """Make the folder, once all that can be wrong was checked; a replaced run is moved aside.

    Raises:
        RunFolderError: it cannot be made, or another run has begun there since it was claimed.
    """
    run = RunFolder(claimed.folder)
    if claimed.earlier is None and not claimed.replaces and run.is_run():
        raise RunFolderError(_taken(run))
    try:
        moved = (str(_move_aside(claimed.folder)),) if claimed.replaces else ()
        claimed.folder.mkdir(parents=True, exist_ok=True)
        if claimed.earlier is not None:  # a finished run that goes on is not finished
            run.summary.unlink(missing_ok=True)
    except OSError as error:
        raise RunFolderError(_unwritable(claimed.folder, error)) from error
    worker.begin()
    return replace(claimed, replaced=(*claimed.replaced, *moved))


def drop_replaced(claimed: Claim) -> None:
    """Delete the runs that were replaced: the new one has something to show."""
    for folder in claimed.replaced:
        if RunFolder(folder).is_run():
            shutil.rmtree(folder, ignore_errors=True)


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


def _taken(run: RunFolder) -> str:
    state = "a finished run" if run.is_finished() else "an unfinished run"
    return (
        f"{run.path}: holds {state}; go on with --resume, replace it with --overwrite, or choose "
        "another folder with -o DIR"
    )


def _try_writing(path: Path) -> None:
    """Write and delete a file in a folder, or where it would be made.

    Raises:
        RunFolderError: that is not possible.
    """
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    probe = there / f".{uuid.uuid4().hex[:8]}.tmp"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise RunFolderError(_unwritable(path, error)) from error


def _unwritable(path: Path, error: OSError) -> str:
    return f"{path}: cannot be written: {error.strerror or error}; choose another with -o DIR"
