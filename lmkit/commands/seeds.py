"""`--seeds N`: the same run with N seeds, one after the other, and what they come to.

Only `train.seed` differs: weights that are drawn, the order of the data, dropout. The data stays,
and so does the validation data that is split off by a hash of the content. Each run is an ordinary
run folder; the one around them holds `recipe.yaml`, `seeds.json` and, at the end, `summary.json`
and `report.html`, the runs side by side.
"""

import gc
import logging
import math
import shutil
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmkit import worker
from lmkit.commands.claim import claim, finished_summary
from lmkit.commands.report import leave_comparison
from lmkit.commands.resolve import absolute, require_same
from lmkit.commands.train import run, with_piped_data
from lmkit.errors import LmkitError, RunFolderError
from lmkit.models.libraries import quiet_libraries
from lmkit.recipe.load import dump_recipe, load_recipe
from lmkit.recipe.run_options import RunOptions
from lmkit.recipe.sections import Recipe
from lmkit.reports.rows import read_log
from lmkit.run_folder import RunFolder, read_json, write_json, write_text
from lmkit.training.processes import join

MARK = "seeds.json"
"""The file that tells a folder of runs: the seeds, and which folders it replaces."""

logger = logging.getLogger(__name__)


def run_seeds(recipe: Recipe, options: RunOptions, count: int) -> dict[str, Any]:
    """Train what the recipe says with `count` seeds, from `train.seed` on.

    Returns:
        The summary of all of them, as written.

    Raises:
        LmkitError: as `run`; or the output folder holds something else.
        InterruptedRunError: a signal came; `--resume` goes on with the run that it stopped.
    """
    quiet_libraries()
    processes = join(recipe.train.ddp_timeout, recipe.train.ddp_backend)
    folder = Path(str(recipe.output_dir)).absolute()
    first = RunFolder(folder / "seed-1")
    earlier = load_recipe(str(first.recipe)) if options.resume and first.is_run() else None
    recipe = processes.once(lambda: with_piped_data(recipe, earlier))
    moved = processes.once(lambda: _begin(recipe, options, folder, count))
    own = replace(options, overwrite=False)
    summaries = []
    for number, one in enumerate(_recipes(recipe, folder, count), start=1):
        logger.info("run %d of %d: seed %d", number, count, one.train.seed)
        try:
            summary = finished_summary(one, own) or run(one, own, stay=True)
        except LmkitError:
            if processes.is_first:  # without the others, who may have parted
                _take_back(folder, moved)
            raise
        summaries.append(summary)
        processes.once(lambda: _drop_replaced(folder))
        gc.collect()  # a trainer and its model refer to one another
    told = summarize(folder, summaries)
    if processes.is_first:
        write_json(folder / "summary.json", told)
        if count > 1:
            leave_comparison(folder, [RunFolder(summary["output_dir"]) for summary in summaries])
    processes.once(lambda: None)  # the others stay until it is written
    processes.part()
    return told


def is_seeds(folder: Path) -> bool:
    """Whether a folder holds the runs of several seeds."""
    return (folder / MARK).is_file() and (folder / "recipe.yaml").is_file()


def summarize(folder: Path, summaries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation of each metric over runs that are finished.

    Args:
        folder: the one around them.
        summaries: theirs, in the order of the seeds.

    Returns:
        `metrics` are the means, `std` the sample standard deviations (by n - 1; null for one run),
        `runs` each run's own, and `best` the run that the validation data prefers (null where it
        was not scored); the data that is reported on chooses nothing.
    """
    runs = [_told(summary) for summary in summaries]
    shared = [
        name
        for name in runs[0]["metrics"]
        if all(isinstance(one["metrics"].get(name), int | float) for one in runs)
    ]
    values = {name: [one["metrics"][name] for one in runs] for name in shared}
    return {
        **{key: summaries[0][key] for key in ("task", "model", "split")},
        "metrics": {name: statistics.fmean(found) for name, found in values.items()},
        "std": {name: _deviation(found) for name, found in values.items()},
        "best": _best(runs),
        "runs": runs,
        "baselines": summaries[0]["baselines"],
        "train": {
            key: sum(one["train"][key] for one in summaries)
            for key in ("steps", "tokens", "seconds")
        },
        "output_dir": str(folder),
    }


def _recipes(recipe: Recipe, folder: Path, count: int) -> list[Recipe]:
    """The recipe of each run."""
    return [
        recipe.model_copy(
            update={
                "train": recipe.train.model_copy(update={"seed": recipe.train.seed + number}),
                "output_dir": str(folder / f"seed-{number + 1}"),
            }
        )
        for number in range(count)
    ]


def _begin(recipe: Recipe, options: RunOptions, folder: Path, count: int) -> Path | None:
    """Make the folder; where a folder of runs was moved aside for it, to where.

    Raises:
        RunFolderError: it holds something else, or runs, and neither `--resume` nor `--overwrite`
            was given; or those that are resumed had another recipe.
    """
    now = recipe.model_copy(update={"data": absolute(recipe.data), "output_dir": str(folder)})
    replaced: list[str] = []
    moved = None
    if is_seeds(folder):
        mark = read_json(folder / MARK)
        replaced = list(mark.get("replaced", []))
        if options.resume:
            require_same(load_recipe(str(folder / "recipe.yaml")), now, options.allow_changed, {})
        elif options.overwrite:
            moved = _move_aside(folder)
            replaced.append(str(moved))
        else:
            raise RunFolderError(
                f"{folder}: holds runs of {len(mark.get('seeds', []))} seeds; go on with --resume, "
                "replace them with --overwrite, or choose another folder with -o DIR"
            )
    elif RunFolder(folder).is_run():
        raise RunFolderError(
            f"{folder}: holds a run of one seed, which --seeds does not touch; choose another "
            "folder with -o DIR"
        )
    else:
        claim(now, replace(options, resume=False, overwrite=False))
    seeds = [recipe.train.seed + number for number in range(count)]
    write_text(folder / "recipe.yaml", dump_recipe(now))
    write_json(folder / MARK, {"seeds": seeds, "replaced": replaced})
    worker.begin()
    (folder / "summary.json").unlink(missing_ok=True)  # of fewer seeds
    return moved


def _move_aside(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.replaced-{number}")).exists():
        number += 1
    try:
        folder.rename(aside)
    except OSError as error:
        raise RunFolderError(f"{folder}: cannot be moved: {error.strerror}") from error
    return aside


def _take_back(folder: Path, moved: Path | None) -> None:
    """What was wrong was found before the first run began: everything is as it was."""
    if any(folder.glob("seed-*")):
        return
    shutil.rmtree(folder, ignore_errors=True)
    if moved is not None:
        moved.rename(folder)


def _drop_replaced(folder: Path) -> None:
    """Delete the runs that were replaced: the new ones have something to show."""
    mark = read_json(folder / MARK)
    if not mark.get("replaced"):
        return
    for name in mark["replaced"]:
        if is_seeds(Path(name)):
            shutil.rmtree(name, ignore_errors=True)
    write_json(folder / MARK, {**mark, "replaced": []})


def _told(summary: dict[str, Any]) -> dict[str, Any]:
    """What is told of a run: its seed, its metrics, and the validation metric it was kept by."""
    run_folder = RunFolder(summary["output_dir"])
    train = load_recipe(str(run_folder.recipe)).train
    log = read_log(run_folder.metrics)
    if (damage := log.remark(str(run_folder.metrics))) is not None:
        logger.warning(damage)
    found = log.evaluation.get(str(train.metric_for_best_model))
    scored = [] if found is None else list(zip(found.steps, found.values, strict=True))
    scored = [(step, value) for step, value in scored if math.isfinite(value)]
    kept = [(step, value) for step, value in scored if step == summary["step"]] or scored
    validation = None
    if kept:
        validation = {
            "metric": train.metric_for_best_model,
            "value": float(kept[-1][1]),
            "greater_is_better": train.greater_is_better,
        }
    return {
        "seed": train.seed,
        "step": summary["step"],
        "metrics": summary["metrics"],
        "validation": validation,
        "output_dir": summary["output_dir"],
    }


def _best(runs: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The run that the validation data prefers."""
    scored = [one for one in runs if one["validation"] is not None]
    if not scored:
        return None
    sign = 1 if scored[0]["validation"]["greater_is_better"] else -1
    best = max(scored, key=lambda one: sign * one["validation"]["value"])
    chosen = {key: best["validation"][key] for key in ("metric", "value")}
    return {"seed": best["seed"], **chosen, "output_dir": best["output_dir"]}


def _deviation(values: Sequence[float]) -> float | None:
    """The sample standard deviation; None of one value, or where it is not finite."""
    if len(values) < 2:
        return None
    found = statistics.stdev(values)
    return found if math.isfinite(found) else None
