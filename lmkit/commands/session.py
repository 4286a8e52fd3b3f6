"""One session of training: the trainer is built, resumed where there is something, and run."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.integrations import (  # type: ignore[attr-defined]  # a lazy module's
    TensorBoardCallback,
)

from lmkit import others
from lmkit.commands.recovery import Place, halved, memory_text, release, rolled_back
from lmkit.commands.resolve import batch_shape
from lmkit.commands.samples_file import SamplesFile
from lmkit.data.sources import Source, Splits
from lmkit.data.stream_examples import StreamExamples
from lmkit.errors import CheckpointError, MemoryShortError
from lmkit.evaluation.scoring import score
from lmkit.heap import keep_freed_memory
from lmkit.models import in_parts
from lmkit.models.memory import out_of_memory
from lmkit.recipe.sections import Recipe
from lmkit.recipe.train import TrainSection
from lmkit.run_folder import RunFolder
from lmkit.tasks.base import Examples, Task
from lmkit.training import checkpoint
from lmkit.training.arguments import training_arguments
from lmkit.training.batches import Order
from lmkit.training.early_stopping import EarlyStopping, stopped_at
from lmkit.training.guard import (
    DivergedError,
    GuardSettings,
    MicroBatchTooLargeError,
)
from lmkit.training.meter import Meter
from lmkit.training.processes import Processes, state_arguments
from lmkit.training.progress import MetricsFile, Teller, cut_after
from lmkit.training.sharded_trainer import ShardedTrainer
from lmkit.training.signals import StopSignals
from lmkit.training.states import check_states
from lmkit.training.totals import Totals
from lmkit.training.trainer import ExactTrainer, Setup

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Session:
    """A run that is ready to be trained."""

    recipe: Recipe
    folder: RunFolder
    run_id: str
    resume: bool
    processes: Processes
    task: Task[Any]
    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    train: Examples
    splits: Splits
    quiet: bool
    meter: Meter
    on_first_save: Callable[[], None]

    def scored(self, source: Source) -> Examples:
        """The examples of a split as they are scored."""
        return self.task.examples(
            source, self.tokenizer, seed=self.recipe.train.seed, training=False
        )


@dataclass(frozen=True)
class Trained:
    """What training came to."""

    step: int
    stopped_by: int
    """The signal that stopped it, or 0."""
    totals: Totals
    loss: float
    """The mean objective over all steps of the run."""
    best_step: int | None
    """The step whose checkpoint was taken as the best; None: the last step is kept."""
    kept_because: str = "the last"
    """Why that step."""


def train_session(session: Session) -> Trained:
    """Train until the last step, an early stop, or a signal.

    Raises:
        CheckpointError: there are checkpoints, but none that can be resumed.
        GuardStopError: a loss or gradient is not finite, or training diverged.
        MemoryShortError: a smaller micro-batch would not help, or could not be agreed upon.
    """
    place = Place(session.recipe, _to_resume(session))
    keep_freed_memory()
    session.task.attach(session.model)
    signals = StopSignals()
    others.meet()  # the first has written the manifest
    try:
        with signals:
            trainer = _to_the_end(session, signals, place)
    finally:
        session.task.detach(session.model)
    kept = trainer.state.best_global_step if trainer.args.load_best_model_at_end else None
    return Trained(
        trainer.state.global_step, trainer.agreed_stop, trainer.totals, trainer.mean_loss(), kept,
        kept_because(trainer.state, session.recipe.train.metric_for_best_model, kept),
    )  # fmt: skip


def _to_the_end(session: Session, signals: StopSignals, place: Place) -> ExactTrainer:
    """Train, and go on from another place where that failed."""
    while True:
        trainer = _trainer(session, signals, place)
        found = place.checkpoint
        try:
            if found is None or not _is_last(found, place.recipe.train):
                trainer.train(resume_from_checkpoint=None if found is None else str(found))
            else:
                trainer.reopen(str(found))
        except DivergedError as error:
            place = rolled_back(place, error, session.folder, session.run_id, session.processes)
        except MicroBatchTooLargeError:
            place = halved(place, trainer, session.folder, session.processes)
        except (MemoryError, RuntimeError) as error:
            if out_of_memory(error):
                raise MemoryShortError(memory_text(trainer)) from error
            raise
        else:
            return trainer
        finally:
            trainer.close()
        release(trainer)


def kept_because(state: TrainerState, metric: str | None, best_step: int | None) -> str:
    """Why the model of a step is kept, for the summary.

    Args:
        state: of the trainer at the end.
        metric: by which the best is chosen.
        best_step: that of the best; None where the last is kept.
    """
    if best_step is None or state.best_metric is None:
        return "the last; no best one is chosen (train.load_best_model_at_end)"
    count = sum(f"eval_{metric}" in line for line in state.log_history)
    return (
        f"the best {metric} on the validation data ({state.best_metric:.4f}) of {count} "
        f"evaluations; training went to step {state.global_step}"
    )


def _to_resume(session: Session) -> Path | None:
    """The checkpoint to go on from, if the run is resumed and has one."""
    if not session.resume:
        return None
    folder = session.folder.checkpoints

    def look() -> checkpoint.Found:
        checkpoint.tidy(folder, session.run_id)
        return checkpoint.newest_whole(folder, session.run_id)

    found = session.processes.once(look)
    if session.processes.is_first:
        for line in found.skipped:
            logger.warning("passed over %s", line)
        if found.path is not None:
            logger.info("resuming from %s", found.path)
    if found.path is None and found.skipped:
        raise CheckpointError(
            f"{folder}: no checkpoint can be resumed: {'; '.join(found.skipped)}; start anew with "
            "--overwrite"
        )
    if found.path is not None:
        check_states(found.path)
        written = "fsdp" if in_parts.are_in(found.path) else "ddp"
        if written != (asked := session.recipe.train.parallel):
            raise CheckpointError(
                f"{found.path} was written with train.parallel: {written}, and cannot be resumed "
                f"with {asked}"
            )
    return found.path


def _is_last(found: Path, train: TrainSection) -> bool:
    """Whether training had come to its end at a checkpoint: nothing but the summary is missing."""
    return checkpoint.step_of(found) >= train.max_steps or stopped_at(
        found, train.early_stopping_patience
    )


def _trainer(session: Session, signals: StopSignals, place: Place) -> ExactTrainer:
    train, folder, processes = place.recipe.train, session.folder, session.processes
    resumed = place.checkpoint
    done = -1 if resumed is None else checkpoint.step_of(resumed)  # -1: not even step 0
    shape = batch_shape(place.recipe, len(session.train), processes.world_size, processes.rank)
    elsewhere = [train.report_to] if isinstance(train.report_to, str) else list(train.report_to)
    args = training_arguments(
        train, folder.checkpoints,
        gradient_accumulation_steps=shape.accumulation,
        eval_on_start=train.eval_on_start and resumed is None,
        per_device_train_batch_size=shape.micro,
        report_to=[name for name in elsewhere if name not in ("none", "tensorboard")],
        **state_arguments(processes),
    )  # fmt: skip
    if isinstance(session.train, StreamExamples):  # it has an order of its own, and no end
        session.train.keep(folder.stream, resume=resumed is not None, write=processes.is_first)
        order = Order(session.train, shape, seed=0, strategy="sequential", steps=train.max_steps)
    else:
        order = Order(
            session.train, shape, seed=train.order_seed, strategy=train.train_sampling_strategy
        )
    setup = Setup(
        session.task, session.train, order, train.optim, session.run_id, signals,
        GuardSettings(folder.guard, train.on_nonfinite, train.on_divergence, place.carried),
        train.on_save_error, train.layerwise_lr_decay,
    )  # fmt: skip
    made = ShardedTrainer if train.parallel == "fsdp" else ExactTrainer
    trainer = made(
        model=session.model, args=args, setup=setup, tokenizer=session.tokenizer,
        evaluate=_evaluator(session, done),
    )  # fmt: skip
    trainer.totals.meter = session.meter
    trainer.remove_callback(PrinterCallback)  # it prints to standard output
    if processes.is_first:
        metrics = MetricsFile(folder.metrics, trainer.totals)
        cut_after(folder.metrics, done)
        trainer.add_callback(metrics)
        trainer.add_callback(Teller(trainer.totals, quiet=session.quiet))
        events = SummaryWriter(str(folder.tensorboard), purge_step=done + 1)
        trainer.add_callback(TensorBoardCallback(events))  # type: ignore[no-untyped-call]  # theirs
    trainer.add_callback(_FirstSave(session.on_first_save))
    if train.early_stopping_patience is not None:
        trainer.add_callback(
            EarlyStopping(train.early_stopping_patience, train.early_stopping_threshold)
        )
    return trainer


def _evaluator(session: Session, resumed: int) -> Callable[[int], dict[str, float]]:
    """Scores the validation split and writes samples; the examples are made when first asked for.

    Args:
        session: of the run.
        resumed: the step that it goes on from; -1 where it begins.
    """
    made: list[Examples] = []
    samples = None
    if session.processes.is_first and session.recipe.train.eval_samples:
        samples = SamplesFile(session.folder.samples, session.recipe.train.eval_samples, resumed)
    metric = str(session.recipe.train.metric_for_best_model).removeprefix("eval_")

    def evaluate(step: int) -> dict[str, float]:
        assert session.splits.validation is not None  # else it was told before training
        if not made:
            made.append(session.scored(session.splits.validation))
        task = session.task.while_training(metric)
        rows = score(
            session.model, task, made[0],
            batch_size=session.recipe.train.per_device_eval_batch_size,
            rank=session.processes.rank, world_size=session.processes.world_size,
        )  # fmt: skip
        if samples is not None:
            samples.write(step, session.model, session.task, session.tokenizer, made[0])
        return task.measure(rows)

    return evaluate


class _FirstSave(TrainerCallback):
    """Does something once, after the first checkpoint is whole."""

    def __init__(self, do: Callable[[], None]) -> None:
        self.do: Callable[[], None] | None = do

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Trainer has saved."""
        if self.do is not None and state.is_world_process_zero:
            self.do()
        self.do = None
