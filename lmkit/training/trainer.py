"""Hugging Face Trainer with the exact loss, lmkit's batches, and checkpoints whole or absent.

The loss of an optimizer step is the sum over its predicted items divided by their number, over all
micro-batches and processes, whatever the model class. (Trainer multiplies it by the accumulation
steps for most heads, and GPT-2's own divisor counts a position that is not predicted.)
"""

import logging
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from lmkit.errors import CheckpointError
from lmkit.training.batches import Examples, Order, TrainLoader, train_loader
from lmkit.training.guard import GuardedSteps, GuardSettings, marked
from lmkit.training.optimizers import make_optimizer
from lmkit.training.progress import Teller
from lmkit.training.signals import WATCHED, StopSignals
from lmkit.training.totals import Totals
from lmkit.training.whole_step import WholeStep

logger = logging.getLogger(__name__)

Batch = dict[str, Tensor]


class Objective(Protocol):
    """What training needs of a task."""

    @property
    def step_keys(self) -> tuple[str, ...]:
        """What the loss of a whole step needs of its batches; nothing where rows stand alone."""

    def collate(self, features: list[dict[str, Any]]) -> Batch:
        """Pad examples to one batch."""

    def count(self, batch: Batch) -> int:
        """Predicted items of a batch."""

    def tokens(self, batch: Batch) -> int:
        """Text tokens of a batch."""

    def forward(self, model: Any, batch: Batch) -> Any:
        """The model's outputs."""

    def loss(self, outputs: Any, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        """The objective, summed over the predicted items."""


@dataclass(frozen=True)
class Setup:
    """What a run trains with, beside the arguments of Trainer."""

    task: Objective
    examples: Examples
    order: Order
    optim: str
    run_id: str
    signals: StopSignals
    guard: GuardSettings
    on_save_error: str = "stop"
    layerwise_lr_decay: float | None = None


class ExactTrainer(GuardedSteps):
    """Trainer for every task of lmkit."""

    setup: Setup

    def __init__(
        self,
        *,
        model: PreTrainedModel,
        args: TrainingArguments,
        setup: Setup,
        tokenizer: PreTrainedTokenizerBase,
        evaluate: Callable[[int], dict[str, float]],
    ) -> None:
        """Take the parts of a run.

        Args:
            model: to be trained.
            args: from `training_arguments`.
            setup: task, examples and their order.
            tokenizer: saved beside each checkpoint, so that it opens as a model folder.
            evaluate: gives the metrics of the validation split after a step, without a prefix.
        """
        self.setup = setup
        self.evaluate_split = evaluate
        self.totals = Totals()
        self.agreed_stop = 0
        self.run_id, self.on_save_error = setup.run_id, setup.on_save_error
        self._counted_to = 0  # the step up to which totals.loss_sum counts
        with warnings.catch_warnings():
            # that is so of Trainer's own smoothing; a task smooths its labels itself
            warnings.filterwarnings("ignore", "Label smoothing is not compatible")
            super().__init__(
                model=model,
                args=args,
                train_dataset=setup.examples,
                eval_dataset=setup.examples,  # never read: `evaluate` is overridden
                processing_class=tokenizer,
                callbacks=[_Watch(self)],
            )
        self.model_accepts_loss_kwargs = False
        self.loss_is_scaled_for_ga = True  # it is divided by the items of the whole step
        self._whole_step: WholeStep | None = None
        if setup.task.step_keys:
            self._whole_step = WholeStep(
                setup.task, self._prepare_inputs, smoothing=args.label_smoothing_factor,
                world_size=args.world_size, rank=args.process_index,
            )  # fmt: skip

    # Batches

    def get_train_dataloader(self) -> TrainLoader:
        """Micro-batches dealt out by `BatchPlan`; Accelerate would deal them again."""
        args = self.args
        options: dict[str, Any] = {"num_workers": args.dataloader_num_workers}
        if args.dataloader_num_workers:
            options |= {
                "persistent_workers": args.dataloader_persistent_workers,
                "prefetch_factor": args.dataloader_prefetch_factor,
                "multiprocessing_context": args.dataloader_multiprocessing_context,
            }
        if args.dataloader_persistent_workers:
            # They draw their seed once a process, not once an epoch: a resume draws it anew, which
            # must not move the random numbers of dropout. Nothing here draws in a worker.
            options["generator"] = torch.Generator()
        options["pin_memory"] = args.dataloader_pin_memory and args.device.type == "cuda"
        return train_loader(
            self.setup.examples, self.setup.order, self.setup.task.collate, **options
        )

    def num_examples(self, dataloader: Any) -> int:
        """The examples of an epoch over all processes."""
        return len(self.setup.examples)

    # The exact loss

    def _get_num_items_in_batch(self, batch_samples: list[Batch], device: torch.device) -> Tensor:
        """Predicted items of the whole optimizer step, over its micro-batches and all processes."""
        task = self.setup.task
        received = self.setup.signals.number
        counts = [sum(map(task.count, batch_samples)), sum(map(task.tokens, batch_samples))]
        step = torch.tensor([*counts, *(received == number for number in WATCHED)], device=device)
        if self.args.world_size > 1:
            torch.distributed.all_reduce(step)
            # All processes stop after the same step, whichever of them heard the signal.
            heard = [number for number, any_ in zip(WATCHED, step[2:], strict=True) if any_]
            self.agreed_stop = int(heard[0]) if heard else 0
        self.begin_step(tokens=int(step[1]))
        if self._whole_step is not None:
            self._whole_step.begin(batch_samples)
        return step[0].clamp(min=1)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The share of this micro-batch in the loss of the step."""
        assert num_items_in_batch is not None  # Trainer asks `_get_num_items_in_batch` each step
        outputs: Any = None
        if self._whole_step is not None:
            total = self._whole_step.loss(model, inputs)
        else:
            outputs = self.setup.task.forward(model, inputs)
            with self.accelerator.autocast():  # the output layer multiplies in the loss
                total = self.setup.task.loss(outputs, inputs, self.args.label_smoothing_factor)
        # Gradients are averaged over the processes, so each one's share counts that much more.
        loss = marked(total / num_items_in_batch * self.args.world_size)
        return (loss, outputs) if return_outputs else loss

    def floating_point_ops(self, inputs: Batch) -> int:
        """None here: the run's totals hold the tokens, and the summary computes from them."""
        return 0

    # Optimizer

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """The optimizer the recipe names, with weight decay on matrices only."""
        if self.optimizer is None:
            trained: Any = model or self.model
            self.optimizer = make_optimizer(
                self.setup.optim, trained, self.args, self.setup.layerwise_lr_decay
            )
        optimizer: torch.optim.Optimizer = self.optimizer
        return optimizer

    # Evaluation

    def evaluate(self, *_args: Any, **_kwargs: Any) -> dict[str, float]:
        """Score the validation split exactly, and log it as `eval_...`."""
        with self.totals.paused():
            found = self.evaluate_split(self.state.global_step)
        metrics = {f"eval_{name}": value for name, value in found.items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    # Totals

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Count the losses of the steps since the last line, log as Trainer does, and look.

        Where steps were skipped, the loss of a line is the mean over the others.
        """
        if "loss" in logs:
            steps = self.state.global_step - self._counted_to
            total = logs["loss"] * steps
            if skipped := self.totals.incidents.count("skip", after=self._counted_to):
                logs["loss"] = total / (steps - skipped) if steps > skipped else math.nan
                logs["skipped_steps"] = skipped
            self.totals.loss_sum += total
            self._counted_to = self.state.global_step
        super().log(logs, start_time)
        if "loss" in logs or "eval_loss" in logs:
            self.look()

    def begin(self) -> None:
        """The first step is next; on a resume, the loss since the last log line is taken up."""
        pending, last_logged = self._pending
        self._counted_to = last_logged
        self.setup.order.enter(self.state.global_step)
        if pending:
            self._tr_loss += pending
        if self.state.global_step:
            self._globalstep_last_logged = last_logged
        self.take_up()
        self.totals.start()

    def save_now(self) -> Path:
        """A checkpoint of the last step, whatever the cadence.

        Raises:
            CheckpointError: it could not be written.
        """
        self._save_checkpoint(self.model_wrapped, None)
        saved = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        if not saved.is_dir():
            raise CheckpointError(f"{saved}: the run cannot go on without this checkpoint")
        return saved

    def mean_loss(self) -> float:
        """The objective, as a mean over all steps of the run."""
        rest = fmean(self._of_all()[0]) if self.totals.steps > self._counted_to else 0.0
        made = self.totals.steps - self.totals.incidents.count("skip")
        return (self.totals.loss_sum + rest) / max(made, 1)

    def close(self) -> None:
        """Stop the clock and take progress bars away, also after an error."""
        self.totals.stop()
        for callback in self.callback_handler.callbacks:
            if isinstance(callback, Teller):
                callback.close()


class _Watch(TrainerCallback):
    """Tells the trainer when training begins, and training when a signal came."""

    def __init__(self, trainer: ExactTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Called once, after a checkpoint was loaded."""
        self.trainer.begin()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Save and stop after this step, if a signal came."""
        if args.world_size == 1:
            self.trainer.agreed_stop = self.trainer.setup.signals.number
        if self.trainer.agreed_stop:
            control.should_save = True
            control.should_training_stop = True
        return control
