"""`lmkit pretrain` and `lmkit finetune`: from a recipe to a trained, measured model folder.

`run` reads top to bottom: claim the folder, task, data, tokenizer, model, examples, the resolved
recipe, the trainer; then train, evaluate, write. Nothing is written before all was checked.
"""

import logging
import math
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    enable_full_determinism,
    set_seed,
)

from lmkit import tasks
from lmkit.commands.claim import Claim, claim, drop_replaced, take
from lmkit.commands.examples import training_examples
from lmkit.commands.finish import finish
from lmkit.commands.gguf import with_folders
from lmkit.commands.glance import tell
from lmkit.commands.ledger import ledger_lines, reckon_ledger
from lmkit.commands.manifest import begin_manifest, contents, machine
from lmkit.commands.rehearse import rehearse
from lmkit.commands.report import reported_when_stopped
from lmkit.commands.resolve import Facts, batch_shape, require_same, resolve
from lmkit.commands.resuming import changes, keep_batch
from lmkit.commands.session import Session, train_session
from lmkit.data.encoded_groups import EncodedGroups
from lmkit.data.sources import Splits, open_splits
from lmkit.data.standard_input import with_standard_input
from lmkit.data.tokenizer import prepare_tokenizer
from lmkit.errors import InterruptedRunError, UsageError
from lmkit.models.adapting import adapt, check_library
from lmkit.models.device import default_device
from lmkit.models.libraries import quiet_libraries
from lmkit.models.loading import ModelLoader
from lmkit.others import losses_told
from lmkit.recipe.load import dump_recipe
from lmkit.recipe.run_options import RunOptions
from lmkit.recipe.sections import Recipe
from lmkit.run_folder import RunFolder, write_text
from lmkit.tasks.base import Examples, Task
from lmkit.training.attention import AttentionChoice, choose_attention
from lmkit.training.batches import BatchShape
from lmkit.training.cost import estimate, guess_seconds, is_recurrent
from lmkit.training.hardware import Precision, choose_compile, choose_precision, determinism
from lmkit.training.meter import Meter
from lmkit.training.processes import Processes, join
from lmkit.training.sharding import require_processes, require_shardable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What a run is made of, before anything is trained."""

    task: Task[Any]
    splits: Splits
    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    train: Examples


@losses_told()
def run(recipe: Recipe, options: RunOptions, *, stay: bool = False) -> dict[str, Any]:
    """Train what the recipe says.

    Args:
        recipe: as the user wrote it.
        options: how it is started.
        stay: the processes stay together, for another run.

    Returns:
        The summary (contract, "The run folder").

    Raises:
        LmkitError: anything the user can mend, before the first step wherever it can be known.
        InterruptedRunError: a signal came; a checkpoint was written.
    """
    quiet_libraries()
    processes = join(recipe.train.ddp_timeout, recipe.train.ddp_backend)
    require_processes(recipe.train.parallel, processes.world_size)
    with Meter(recipe.cost) as meter:
        return _run(recipe, options, processes, meter, stay=stay)


def _run(
    recipe: Recipe, options: RunOptions, processes: Processes, meter: Meter, *, stay: bool
) -> dict[str, Any]:
    """The same, once the processes have met."""
    claimed = processes.once(lambda: claim(recipe, options))
    recipe = processes.once(lambda: with_piped_data(recipe, claimed.earlier))
    manifest = {}
    if claimed.earlier is not None:
        manifest = RunFolder(claimed.folder).read_manifest()
        recipe = keep_batch(recipe, claimed.earlier, manifest)
    parts = prepare(recipe)
    resolved = settle(recipe, parts, processes, claimed)
    if claimed.earlier is not None:
        found = contents(manifest, parts.splits, parts.tokenizer)
        require_same(claimed.earlier, resolved, options.allow_changed, found)
        if processes.is_first:
            for line in changes(claimed.earlier, resolved, manifest, machine()):
                logger.warning(line)
    rehearse(
        resolved, processes, parts.task, parts.model, parts.train, _validation(resolved, parts)
    )
    claimed = processes.once(lambda: take(claimed))
    session = Session(
        recipe=resolved, folder=RunFolder(claimed.folder), run_id=claimed.run_id,
        resume=claimed.earlier is not None, processes=processes, task=parts.task,
        tokenizer=parts.tokenizer, model=parts.model, train=parts.train, splits=parts.splits,
        quiet=options.quiet, meter=meter, on_first_save=lambda: drop_replaced(claimed),
    )  # fmt: skip
    if processes.is_first:
        write_text(session.folder.recipe, dump_recipe(resolved))
        tell(parts.splits, resolved.task)
        counted = reckon_ledger(
            resolved, parts.task, parts.splits.train, parts.train, processes.world_size
        )
        for line in ledger_lines(counted):
            logger.info(line)
        begin_manifest(
            session.folder, claimed, resolved, options, parts.splits, parts.tokenizer, counted
        )
    with reported_when_stopped(session.folder, write=processes.is_first):
        trained = train_session(session)
        if trained.stopped_by:
            processes.part()
            name = signal.Signals(trained.stopped_by).name
            on = resume_command(options)
            raise InterruptedRunError(
                f"stopped by {name} after step {trained.step}; go on with: {on}", trained.stopped_by
            )
    drop_replaced(claimed)
    summary = finish(session, trained)
    if not stay:
        processes.part()
    return summary


def prepare(recipe: Recipe) -> Parts:
    """Task, data, tokenizer, model and training examples: everything that can be wrong with them.

    Model types and configuration keys are checked first, before any data is read.
    """
    # before anything runs on a GPU, whose libraries take up the settings once
    (enable_full_determinism if recipe.train.deterministic else set_seed)(recipe.train.seed)
    check_library(recipe.model)
    recipe = with_folders(recipe)
    loader = ModelLoader(recipe.model, resize=bool(recipe.tokenizer.add_tokens))
    loader.config()
    splits = open_splits(recipe.data, recipe.task)
    tokenizer = prepare_tokenizer(recipe, splits.train)
    task = tasks.build(recipe.task)
    task = tasks.build(task.resolve(splits.train))
    for source in (splits.validation, splits.test):
        if source is not None:
            task.check(source)
    task.prove_metrics()
    model = task.build_model(loader, tokenizer)
    if recipe.train.parallel == "fsdp":
        require_shardable(model)
    adapt(model, recipe.model)
    train = training_examples(
        task, splits.train, tokenizer, recipe.train.order_seed,
        shuffle=recipe.train.train_sampling_strategy != "sequential",
        augment=recipe.data.augment,
    )  # fmt: skip
    for source in (splits.validation, splits.test):
        if source is not None:
            task.prepare(source, tokenizer)
    return Parts(task, splits, tokenizer, model, train)


def with_piped_data(recipe: Recipe, earlier: Recipe | None) -> Recipe:
    """The recipe with a file in the place of standard input; see `with_standard_input`."""
    data = with_standard_input(recipe.data, earlier=earlier.data if earlier else None)
    return recipe.model_copy(update={"data": data})


def _validation(recipe: Recipe, parts: Parts) -> Callable[[], Examples] | None:
    """Makes the examples of the validation split as they are scored."""
    source = parts.splits.validation
    if source is None:
        return None
    return lambda: parts.task.examples(
        source, parts.tokenizer, seed=recipe.train.seed, training=False
    )


def settle(recipe: Recipe, parts: Parts, processes: Processes, claimed: Claim) -> Recipe:
    """The resolved recipe; what `auto` became in a run that is resumed stays as it was."""
    earlier = claimed.earlier.train if claimed.earlier is not None else None
    precision = choose_precision(
        earlier.precision
        if earlier and recipe.train.precision == "auto"
        else recipe.train.precision
    )
    setting = (
        earlier.compile if earlier and recipe.train.compile == "auto" else recipe.train.compile
    )
    seconds = None
    if setting == "auto":
        seconds = processes.once(lambda: _seconds(recipe, parts, processes.world_size))
    recurrent = is_recurrent(parts.model)
    shared = recipe.train.parallel != "ddp"
    if shared and precision.value == "float16":
        raise UsageError(
            f"train.precision: {precision.reason}, but with train.parallel: fsdp allowed: float32"
        )
    compiled = processes.once(
        lambda: choose_compile(setting, seconds, recurrent=recurrent, shared=shared)
    )
    if setting is True and not compiled.value:
        logger.warning("train.compile: true, but %s; going on uncompiled", compiled.reason)
    if processes.is_first:
        logger.info("precision %s: %s", precision.value, precision.reason)
        logger.info("compile %s: %s", "on" if compiled.value else "off", compiled.reason)
        if told := determinism(recipe.train.deterministic):
            logger.info(told)
        _say_batch(recipe, batch_shape(recipe, len(parts.train), processes.world_size), parts)
    attention = _attention(recipe, parts, precision.value, processes.world_size, claimed.earlier)
    if attention.value is not None:
        parts.model.set_attn_implementation(attention.value)
        parts.task.prove(parts.model)
    if processes.is_first:
        logger.info("attention %s: %s", attention.value or "unchanged", attention.reason)
    facts = Facts(
        options=parts.task.options, examples=len(parts.train), world_size=processes.world_size,
        precision=precision, compile=compiled, attention=attention, output_dir=claimed.folder,
    )  # fmt: skip
    return resolve(recipe, parts.task, facts)


def _attention(
    recipe: Recipe, parts: Parts, precision: Precision, world_size: int, earlier: Recipe | None
) -> AttentionChoice:
    """The attention kernel of training; that of a run that is resumed stays as it was."""
    setting = recipe.model.attn_implementation
    if setting is None and earlier is not None:
        setting = earlier.model.attn_implementation

    def batch() -> tuple[int, int]:
        micro = batch_shape(recipe, len(parts.train), world_size).micro
        longest = int(parts.train.lengths.max())
        if isinstance(parts.train, EncodedGroups):  # an example is several sequences
            texts = parts.train.texts / len(parts.train)
            return round(micro * texts), round(longest / texts)
        return micro, longest

    return choose_attention(setting, parts.model, precision, batch)


def _say_batch(recipe: Recipe, shape: BatchShape, parts: Parts) -> None:
    """Say so where the processes make the batch, or a step asks for more sequences than there are.

    Of a run that goes on, `keep_batch` has put the batch into the recipe.
    """
    total = shape.total
    if shape.world_size > 1 and recipe.train.total_batch_size is None:
        logger.info(
            "a step takes %d sequences: %d from each of %d processes, and another number of "
            "processes would train otherwise; train.total_batch_size: %d takes as many as one "
            "process would, on any number",
            total, total // shape.world_size, shape.world_size, total // shape.world_size,
        )  # fmt: skip
    if total > (examples := len(parts.train)):
        logger.warning(
            "%d sequences a step are asked for, but the training data make only %d: each step "
            "takes them all", total, examples,
        )  # fmt: skip


def _seconds(recipe: Recipe, parts: Parts, world_size: int) -> float:
    """A guess at the training time, from operations and this machine's matmul peak."""
    shape = batch_shape(recipe, len(parts.train), world_size)
    steps = recipe.train.max_steps
    if steps < 0:
        steps = math.ceil(recipe.train.num_train_epochs * len(parts.train) / shape.total)
    sequence = int(parts.train.lengths.mean())
    reckoned = estimate(
        parts.model, optim=recipe.train.optim, micro_batch=shape.micro, sequence=sequence,
        total_tokens=steps * shape.total * sequence,
    )  # fmt: skip
    return guess_seconds(reckoned.total_flops, default_device()) / world_size


def resume_command(options: RunOptions) -> str:
    """The command as typed, with `--resume` (and without `--overwrite`)."""
    words = [word for word in options.command.split(" ") if word != "--overwrite"]
    return " ".join(words if "--resume" in words else [*words, "--resume"])
