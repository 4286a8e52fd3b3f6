"""The guard: what is not finite never reaches the weights, divergence is told, memory is halved.

A loss that is not finite makes its gradient so (`marked`), and gradients are what processes share:
their norm, which is read once a step anyway, tells all of them of the same step. Only then are
words exchanged. A process that ran out of memory tells the others by the same way.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lmkit.errors import GuardStopError
from lmkit.models.memory import out_of_memory
from lmkit.training.batches import Examples, Order
from lmkit.training.culprits import mean_loss, named, score_alone
from lmkit.training.divergence import DIVERGENCES, Alarm, alarms, is_new
from lmkit.training.incidents import Incident
from lmkit.training.saving import WholeCheckpoints, last_good

logger = logging.getLogger(__name__)

MOST_SKIPPED = 10
"""Steps of a run that `on_nonfinite: skip` passes over; the next one stops it."""
MOST_ROLLBACKS = 3
"""Times that `on_divergence: rollback` goes back; the next divergence stops the run."""
ROLLBACK_RATE = 0.5
"""What the learning rate is multiplied by each time."""


@dataclass(frozen=True)
class GuardSettings:
    """What to do when something goes wrong."""

    report: Path
    """guard.json of the run folder."""
    on_nonfinite: str = "stop"
    on_divergence: str = "warn"
    carried: tuple[Incident, ...] = ()
    """Rollbacks and halvings of this session that no checkpoint holds yet."""


class Guarded(Protocol):
    """What the guard needs of a run's setup."""

    @property
    def task(self) -> Any:
        """What is learned."""

    @property
    def examples(self) -> Examples:
        """To train on."""

    @property
    def order(self) -> Order:
        """Theirs."""

    @property
    def guard(self) -> GuardSettings:
        """What to do."""


class DivergedError(Exception):
    """Training is to go on from a checkpoint of `since` or before, with a lower learning rate."""

    def __init__(self, step: int, alarm: Alarm, rollbacks: int) -> None:
        super().__init__(alarm.text)
        self.step, self.alarm = step, alarm
        self.rollbacks = rollbacks
        """How many there were before."""


class MicroBatchTooLargeError(Exception):
    """A process ran out of memory; the step was undone, and can be done in smaller parts."""


class GuardedSteps(WholeCheckpoints):
    """Trainer whose weights stay finite."""

    setup: Guarded
    runs_alone = True
    """Whether a process can run the model without the others."""
    _batches: Sequence[Any] = ()
    _loss_before: Tensor
    _short = False  # this process ran out of memory in this step

    def begin_step(self, tokens: int) -> None:
        """Remember what a step that is not taken leaves as it was."""
        self._loss_before = self._tr_loss.detach().clone()
        self._tokens, self._short = tokens, False
        self.totals.add_step(tokens=tokens)

    def note(self, met: Incident) -> None:
        """Keep an incident, and tell it in guard.json."""
        self.totals.incidents.add(met)
        if self.args.should_save:
            self.totals.incidents.write(self.setup.guard.report)

    # What is not finite

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        """The gradient norm; the last moment at which a bad step can still be stopped."""
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)  # type: ignore[no-untyped-call] # not annotated
        value = float(norm)  # waits for the device, once a step
        if not math.isfinite(value):
            self._stop_or_skip(model, value)
        return norm

    def _stop_or_skip(self, model: nn.Module, norm: float) -> None:
        """Stop or skip; all processes come here together.

        Raises:
            GuardStopError: the run stops.
            MicroBatchTooLargeError: it was memory that failed.
        """
        own = (self._tr_loss - self._loss_before).item()
        told = self._from_all((own, self._short))
        if any(short for _, short in told):
            self._undo(model)
            raise MicroBatchTooLargeError
        loss = sum(loss for loss, _ in told) / len(told)
        if self.accelerator.scaler is not None and math.isfinite(loss):
            return  # float16 overflowed, which is ordinary: the scaler skips the step
        step = self.state.global_step + 1
        skips = self.setup.guard.on_nonfinite == "skip"
        skips = skips and self.totals.incidents.count("skip") < MOST_SKIPPED
        examples = [row for rows in self._from_all(self._examples(model)) for row in rows]
        self.note(
            {
                "step": step, "kind": "nonfinite", "action": "skip" if skips else "stop",
                "loss": loss, "grad_norm": norm, "learning_rate": self._get_learning_rate(),
                "examples": examples,
            }
        )  # fmt: skip
        what = f"step {step}: the loss is {loss} and the gradient norm {norm}"
        report = self.setup.guard.report
        if not skips:
            limit = f" {MOST_SKIPPED} steps were skipped before it;"
            raise GuardStopError(
                f"{what};{limit if self.setup.guard.on_nonfinite == 'skip' else ''} training "
                "stopped before the weights were touched. "
                f"{last_good(Path(str(self.args.output_dir)))} {named(examples)}Each example "
                f"of the step is in {report}. Try a lower train.learning_rate, more "
                "train.warmup_steps, or look at the data"
            )
        if self.args.should_save:
            logger.warning("%s; skipped (train.on_nonfinite: skip), see %s", what, report)
        self._tr_loss.copy_(self._loss_before)
        if self.accelerator.scaler is None:  # which drops them by itself
            model.zero_grad(set_to_none=True)  # an optimizer passes over what has no gradient

    def _from_all(self, own: Any) -> list[Any]:
        """What each process has to say, by rank."""
        if self.args.world_size == 1:
            return [own]
        told: list[Any] = [None] * self.args.world_size
        torch.distributed.all_gather_object(told, own)
        return told

    def _examples(self, model: nn.Module) -> list[Incident]:
        """This process's examples of the step."""
        setup, plain = self.setup, self.accelerator.unwrap_model(model)
        tokenizer: Any = self.processing_class
        plain.eval()
        try:
            with self.accelerator.autocast():
                return score_alone(
                    lambda batch: mean_loss(setup.task, plain, batch) if self.runs_alone else None,
                    lambda features: self._prepare_inputs(setup.task.collate(features)),
                    tokenizer.decode, setup.examples, setup.order, self.state.global_step,
                )  # fmt: skip
        finally:
            plain.train()

    # Memory

    def training_step(
        self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None
    ) -> Tensor:
        """Forward and backward of a micro-batch, or a way out where memory does not suffice."""
        if not self._short:
            try:
                return super().training_step(model, inputs, num_items_in_batch)
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error) or (self.args.world_size > 1 and self._gathers()):
                    raise
            self._short = True
            if self.args.world_size == 1:
                self._undo(model)
                raise MicroBatchTooLargeError
        lost = torch.full((), math.nan, device=self.args.device)
        if self.accelerator.gradient_state.sync_gradients:
            self._meet(model, lost)
        return lost

    def _gathers(self) -> bool:
        """Whether a loss is itself a meeting, which a process in need cannot come to."""
        return bool(self.setup.task.step_keys) or not self.runs_alone

    def _meet(self, model: nn.Module, lost: Tensor) -> None:
        """Take part in the sum of gradients, with a single example and without a number."""
        task = self.setup.task
        model.zero_grad(set_to_none=True)
        batch = self._prepare_inputs(task.collate([self.setup.examples[0, 0]]))
        with self.accelerator.autocast():
            total = task.loss(task.forward(model, batch), batch)
        self.accelerator.backward(total * lost)

    def _undo(self, model: nn.Module) -> None:
        """Leave no trace of a step that was not finished."""
        model.zero_grad(set_to_none=True)
        self._tr_loss.copy_(self._loss_before)
        self.totals.drop_step(tokens=self._tokens)

    # Divergence

    def look(self) -> None:
        """Judge the series so far, after each line of it.

        Raises:
            GuardStopError: a divergence, and the run is to stop.
            DivergedError: a divergence, and the run is to go back.
        """
        step, steps = self.state.global_step, self.state.max_steps
        action = self.setup.guard.on_divergence
        for alarm in alarms(self.state.log_history, steps):
            if not is_new(alarm.kind, step, self.totals.incidents.found, steps):
                continue
            if alarm.kind in DIVERGENCES and action == "rollback":
                raise DivergedError(step, alarm, self.totals.incidents.count("rollback"))
            stops = alarm.kind in DIVERGENCES and action == "stop"
            self.note(incident(step, alarm, "stop" if stops else "warn"))
            if stops:
                raise GuardStopError(
                    stopped(step, alarm.text, Path(str(self.args.output_dir)), alarm.since)
                )
            if self.args.should_save:
                logger.warning("step %d: %s", step, alarm.text)

    # Going on

    def take_up(self) -> None:
        """Go on from a checkpoint, or from the beginning, with what is not in it."""
        for carried in self.setup.guard.carried:
            if carried not in self.totals.incidents.found:
                self.totals.incidents.add(carried)
                if carried["action"] == "rollback":
                    self._slow_down()
        report, found = self.setup.guard.report, self.totals.incidents
        if self.args.should_save and (found.found or report.is_file()):
            found.write(report)  # what is done again is cut

    def _slow_down(self) -> None:
        """Multiply all learning rates; checkpoints hold them, so a resume needs to know nothing."""
        schedule: Any = getattr(self.lr_scheduler, "scheduler", self.lr_scheduler)
        assert self.optimizer is not None
        for group in self.optimizer.param_groups:
            for key in ("lr", "initial_lr"):
                if key in group:
                    group[key] = group[key] * ROLLBACK_RATE
        for name in ("base_lrs", "_last_lr"):
            rates = getattr(schedule, name, None)
            if rates is not None:
                setattr(schedule, name, [rate * ROLLBACK_RATE for rate in rates])


def marked(loss: Tensor) -> Tensor:
    """The same loss; its gradient is NaN where it is not finite, and as it would be elsewhere."""
    value = loss.detach()
    if loss.requires_grad:
        loss.register_hook(lambda gradient: gradient + value * 0)  # type: ignore[no-untyped-call] # not annotated
    return loss


def incident(step: int, alarm: Alarm, action: str) -> Incident:
    """An alarm as it is noted."""
    return {"step": step, "kind": alarm.kind, "action": action, "text": alarm.text}


def stopped(step: int, text: str, home: Path, since: int) -> str:
    """Why a diverged run ends, and the last checkpoint from before."""
    return f"step {step}: {text}. Training stopped. {last_good(home, since)}"
