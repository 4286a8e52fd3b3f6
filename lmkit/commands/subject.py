"""What `lmkit eval` is asked to score: from the name of a target to its task, model and data.

A run folder (or its `model/`, or one of its checkpoints) is scored as its recipe says; a model
folder or a hub name by the head it was saved with, on a file that the user names.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lmkit import tasks
from lmkit.commands.gguf import as_folder
from lmkit.data.clean import clean_as_trained
from lmkit.data.sources import Source, Splits, open_files, open_splits
from lmkit.data.standard_input import keep_standard_input
from lmkit.data.tokenizer import load_tokenizer
from lmkit.errors import DataError, ModelError, UsageError
from lmkit.models.device import default_device
from lmkit.models.inspecting import usable_positions
from lmkit.models.loading import ModelLoader, open_config
from lmkit.recipe.base import TaskOptions
from lmkit.recipe.load import load_recipe
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.outside_metrics import MeasuredOptions
from lmkit.recipe.sections import STANDARD_INPUT, DataSection, ModelSection, Recipe
from lmkit.run_folder import RunFolder, model_folder
from lmkit.tasks.base import Task

logger = logging.getLogger(__name__)

MAX_CONTEXT = 2048
"""Tokens read at once for a model without a recipe, however many positions it has."""
SEED = 42
"""Of the masks of a model without a recipe; that of a run is its `train.seed`."""


@dataclass(frozen=True)
class Subject:
    """A model with what it is to be scored by."""

    task: Task[Any]
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    source: Source
    """What to score on."""
    train: Source | None
    """The training split, where the run's own data is scored."""
    split: str
    """The name of the split, or the file that the user named."""
    seed: int


def open_subject(
    target: str,
    *,
    data: str | None,
    split: str | None,
    changes: Mapping[str, Any],
    trust_metric_code: bool = False,
) -> Subject:
    """Everything that an evaluation needs, checked from the cheapest to the dearest.

    Args:
        target: a run folder, a checkpoint, a model folder or a hub name.
        data: a file to score on instead of the run's own.
        split: the split of the run's data; by default `test`, else `validation`.
        changes: task options to set (`stride`, `text_column`); None leaves one as it is.
        trust_metric_code: whether the code of metrics that a run's recipe names is run; else they
            are left out, with a warning.

    Raises:
        LmkitError: the target is not there, the data is not, or they do not fit.
    """
    if data is not None and split is not None:
        raise UsageError("--data and --split: a file of one's own has no splits; give one of them")
    target = as_folder(target)
    recipe = recipe_of(target)
    model_folder(target)  # is there anything?
    if recipe is None and data is None:
        raise UsageError(
            f"{target}: is no run folder, so it does not say what to score it on; name a file "
            "with --data FILE"
        )
    options, _ = task_and_model(target, recipe)
    if options.outside_metrics and not trust_metric_code:
        options = _own_metrics(options)
    task = tasks.build(_changed(options, changes))
    source, train = _data(recipe, task.options, data=data, split=split)
    task.prove_metrics()
    model, tokenizer, seed = open_model(target, task)
    return Subject(task, model, tokenizer, source, train, data or source.name, seed)


def task_of(target: str) -> Task[Any]:
    """What a target is for; its model is not opened yet.

    Raises:
        ModelError: there is no such model, or its head is that of no task.
    """
    target = as_folder(target)
    return tasks.build(task_and_model(target, recipe_of(target))[0])


def open_model(
    target: str, task: Task[Any]
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, int]:
    """The model of a target with its task's head, its tokenizer, and the seed of its run.

    Raises:
        LmkitError: it cannot be opened.
    """
    target = as_folder(target)
    recipe = recipe_of(target)
    tokenizer = load_tokenizer(model_folder(target))
    model = task.build_model(ModelLoader(task_and_model(target, recipe)[1]), tokenizer)
    model.to(default_device())  # type: ignore[arg-type] # its stub knows no string
    return model, tokenizer, SEED if recipe is None else recipe.train.seed


def recipe_of(target: str) -> Recipe | None:
    """The recipe of the run that a folder is, or lies in (`model/`, `checkpoints/checkpoint-N`)."""
    path = Path(target)
    if not path.is_dir():
        return None
    path = path.resolve()
    for folder in (path, *path.parents[:2]):
        run = RunFolder(folder)
        if run.is_run():
            return load_recipe(str(run.recipe))
    return None


def task_and_model(target: str, recipe: Recipe | None) -> tuple[TaskOptions, ModelSection]:
    """What a target is for, and how its model is opened; without a recipe, by its head.

    Raises:
        ModelError: there is no such model, or its head is that of no task.
    """
    folder = model_folder(target)
    if recipe is None:
        return _options_by_head(target), ModelSection(source=folder)
    kept = recipe.model.model_dump(include={"dtype", "attn_implementation"})
    return recipe.task, ModelSection(source=folder, **kept)


def _options_by_head(target: str) -> TaskOptions:
    """The task of a saved model without a recipe, reading as much at once as it can."""
    config = open_config(target)
    positions = min(usable_positions(config) or MAX_CONTEXT, MAX_CONTEXT)
    task = tasks.for_model(config, positions)
    if task is None:
        saved = ", ".join(config.architectures or ()) or "no architecture"
        raise ModelError(
            f"{target}: its config.json names {saved}, whose head is that of no task of lmkit "
            f"({', '.join(tasks.names())})"
        )
    options: TaskOptions = task.options
    return options


def _own_metrics(options: TaskOptions) -> TaskOptions:
    """The options without metrics that are another's code."""
    names = [metric.name for metric in options.outside_metrics]
    logger.warning(
        "%s: left out, for it is code: eval runs it with --trust-metric-code", ", ".join(names)
    )
    assert isinstance(options, MeasuredOptions)
    kept = {"metrics": options.own_metrics, "trust_metric_code": False}
    return options.model_copy(update=kept)


def _changed(options: TaskOptions, changes: Mapping[str, Any]) -> TaskOptions:
    """The options with what the command line says."""
    wanted = {key: value for key, value in changes.items() if value is not None}
    for key in wanted:
        if key not in type(options).model_fields:
            flag = "--" + key.replace("_", "-")
            raise UsageError(f"{flag}: means nothing for the task {options.name}")
    stride = wanted.get("stride")
    longest = getattr(options, "block_size", None) or getattr(options, "max_length", 0)
    if stride is not None and not 1 <= stride <= longest:
        raise UsageError(
            f"--stride {stride}: may be 1 to {longest}, the context; a longer one would leave "
            "tokens unread"
        )
    return options.model_copy(update=wanted)


def _data(
    recipe: Recipe | None, options: TaskOptions, *, data: str | None, split: str | None
) -> tuple[Source, Source | None]:
    """What to score on, and the training split where the run's own data is."""
    if data is not None:
        # of the section only how files are read and texts are cleaned matters here
        reading = recipe.data if recipe is not None else DataSection(train=data)
        named = reading.model_copy(update={"format": None})  # a file's name tells its format
        if data == STANDARD_INPUT:
            data = str(keep_standard_input("--data", kind=reading.format))
        files = open_files(data, named, options, name="data", key="--data")
        source = clean_as_trained(files, reading.clean, options)
        next(source.rows())  # an empty or unreadable file is told before the model is opened
        return source, None
    assert recipe is not None
    splits = _splits(recipe, options, "name a file to score on with --data FILE")
    return _chosen(splits, split), splits.train


def training_data(target: str) -> Source | None:
    """What the run of a target was trained on; None where it is no run.

    Raises:
        DataError: the data is not as the recipe says.
    """
    recipe = recipe_of(target)
    if recipe is None:
        return None
    cure = f"without it nobody can look for what {target} was trained on"
    return _splits(recipe, recipe.task, cure).train


def _splits(recipe: Recipe, options: TaskOptions, cure: str) -> Splits:
    """The data of a run.

    Raises:
        DataError: it is not as the recipe says; `cure` is told.
    """
    try:
        return open_splits(recipe.data, options)
    except DataError as error:
        raise DataError(
            f"{error}\nthe data of this run is not as its recipe says (moved or changed?); {cure}"
        ) from error


def _chosen(splits: Splits, name: str | None) -> Source:
    """The split to score."""
    if name is None:
        chosen = splits.test or splits.validation
        if chosen is None:
            raise UsageError(
                "this run has neither a test nor a validation split; name a file with --data FILE"
            )
        return chosen
    found = {key: source for key, source in splits._asdict().items() if source is not None}
    if name not in found:
        raise UsageError(
            f"--split {name}: this run has {', '.join(found)}{did_you_mean(name, found)}"
        )
    source: Source = found[name]
    return source
