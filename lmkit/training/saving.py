"""Saving and resuming for Trainer: a checkpoint is whole or absent, and a resume misses nothing.

What Trainer itself writes is put aside, sealed and renamed (`lmkit.training.checkpoint`), and with
it the totals of the run and the loss since the last log line. Weights that are not finite are not
saved, so that every checkpoint is one to go on from.
"""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from torch.distributed.tensor import DTensor
from transformers import Trainer, TrainerState
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import SaveStrategy

from lmkit import others
from lmkit.durable import shortage
from lmkit.errors import CheckpointError, GuardStopError
from lmkit.training import checkpoint
from lmkit.training.checkpoint import told_where_code, written_aside
from lmkit.training.totals import Totals

logger = logging.getLogger(__name__)

SPACE_MARGIN = 1.05  # of the size of the last checkpoint


class WholeCheckpoints(Trainer):
    """Trainer with checkpoints that are whole or absent."""

    run_id: str
    """The run that checkpoints belong to."""
    on_save_error: str
    """`stop` or `continue`."""
    totals: Totals
    """Carried over a resume."""
    _aside = ""
    _last_size = 0
    _needed = 0  # bytes of the save under way
    _pending = (0.0, 0)  # loss summed since the last log line, and the step of that line
    _best_saved: tuple[float | None, int | None, str | None] = (None, None, None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As Trainer, which must not delete checkpoints: it would not ask whether one is whole."""
        super().__init__(*args, **kwargs)
        self._limit, self.args.save_total_limit = self.args.save_total_limit, None

    def _get_output_dir(self, trial: Any) -> str:
        return self._aside or str(super()._get_output_dir(trial))

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        """Whether this evaluation is the best; one that no checkpoint is due for cannot be kept."""
        due = self.control.should_save or self.args.save_strategy == SaveStrategy.BEST
        if self.args.load_best_model_at_end and not due:
            return False
        return bool(super()._determine_best_metric(metrics, trial))

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Write a checkpoint aside, seal it, and rename it: whole or absent.

        Raises:
            GuardStopError: a weight is not finite.
            CheckpointError: it could not be written, and `on_save_error` is `stop`.
        """
        home = Path(str(self.args.output_dir))
        final = home / f"checkpoint-{self.state.global_step}"
        with self.totals.paused():
            self._require_finite(model, home)
            pending, kwh = self._of_all()
            told = (
                self._together(lambda: self._make_room(model, final))
                or self._together(lambda: self._write_aside(model, trial, final))
                or self._together(lambda: self._publish(final, pending, kwh))
            )
            if told is not None:
                self._give_up(final, f"checkpoint {final.name} could not be written: {told}")

    def _together(self, do: Callable[[], None]) -> str | None:
        """Do a part of a save; what went wrong with it, on whichever process, or None."""
        told = None
        try:
            do()
        except (OSError, RuntimeError, SafetensorError, CheckpointError) as error:
            logger.debug("a save failed", exc_info=True)
            told = str(error).strip().partition("\n")[0] or type(error).__name__
        if self.args.world_size == 1:
            return told
        others.meet()  # the first writes for as long as its disk needs
        found: list[str | None] = [None] * self.args.world_size
        torch.distributed.all_gather_object(found, told)
        return next((text for text in found if text is not None), None)

    def _require_finite(self, model: nn.Module, home: Path) -> None:
        broken = self._not_finite(model)
        if broken is not None:
            raise GuardStopError(
                f"after step {self.state.global_step} the weights in {broken} are not finite, so "
                f"they were not saved and training stopped. {last_good(home)} "
                "Try a lower train.learning_rate, more train.warmup_steps, or look at the data"
            )

    def _not_finite(self, model: nn.Module) -> str | None:
        return not_finite(model)

    def _make_room(self, model: nn.Module, final: Path) -> None:
        if self.args.should_save:
            final.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(written_aside(final).parent, ignore_errors=True)
            assert self.optimizer is not None
            size = self._last_size or checkpoint.tensor_bytes(
                [model.state_dict(), self.optimizer.state_dict()]
            )
            self._needed = int(size * SPACE_MARGIN)
            if short := shortage(final.parent, self._needed):
                raise CheckpointError(f"no room on the disk: {short}")

    def _write_aside(self, model: nn.Module, trial: Any, final: Path) -> None:
        best = self.state.best_global_step, self.state.best_model_checkpoint
        # Trainer waits for the others in the middle of a save if there is a best one; whoever
        # fails before that would leave them waiting. It is written into the state below.
        self.state.best_global_step = None
        self._aside = str(written_aside(final).parent)
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._aside = ""
            self.state.best_global_step, self.state.best_model_checkpoint = best

    def _publish(self, final: Path, pending: list[float], kwh: float) -> None:
        if self.state.best_global_step == self.state.global_step:
            self.state.best_model_checkpoint = str(final)
        if self.args.should_save:
            aside = written_aside(final)
            self.state.save_to_json(str(aside / TRAINER_STATE_NAME))
            kept = {"pending_loss": pending, "last_logged": self._globalstep_last_logged}
            checkpoint.write_run_state(aside, {**self.totals.state(kwh), **kept})
            self._last_size = checkpoint.folder_size(aside)
            checkpoint.publish(final, self.run_id)
            checkpoint.rotate(final, self._limit, self.state.best_model_checkpoint, self.run_id)
        self._best_saved = self._best()

    def _give_up(self, final: Path, told: str) -> None:
        """Leave nothing of a save that failed, and stop or go on as the recipe says."""
        if self.args.should_save:
            if (short := shortage(final.parent, self._needed)) and "MB needed" not in told:
                told += f" ({short})"  # torch does not say that the disk is full
            shutil.rmtree(written_aside(final).parent, ignore_errors=True)
        if self.on_save_error == "stop":
            raise CheckpointError(f"{told}. {last_good(final.parent)}")
        if self.state.best_global_step == self.state.global_step:
            # the best one is what can be taken at the end
            state, saved = self.state, self._best_saved
            state.best_metric, state.best_global_step, state.best_model_checkpoint = saved
        logger.warning("%s; training goes on (train.on_save_error: continue)", told)

    def _best(self) -> tuple[float | None, int | None, str | None]:
        state = self.state
        return state.best_metric, state.best_global_step, state.best_model_checkpoint

    def _of_all(self) -> tuple[list[float], float]:
        """The loss summed since the last log line of each process, and the energy of them all."""
        loss = self._tr_loss.detach().reshape(1)
        energy = torch.full_like(loss, self.totals.meter.own_kwh())
        found: Any = self.accelerator.gather(torch.cat([loss, energy]))
        losses, energies = found.reshape(-1, 2).T.tolist()
        return losses, sum(energies)

    def _init_training_state(self, *args: Any, **kwargs: Any) -> Any:
        made = super()._init_training_state(*args, **kwargs)
        if self.state.best_global_step:  # the run folder may have been moved since
            best = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.best_global_step}"
            self.state.best_model_checkpoint = str(best) if best.is_dir() else None
        self._best_saved = self._best()
        return made

    def _load_optimizer_and_scheduler(self, checkpoint_folder: str | None) -> None:
        with told_where_code(str(checkpoint_folder)):
            super()._load_optimizer_and_scheduler(checkpoint_folder)
        if checkpoint_folder is not None:
            kept = checkpoint.read_run_state(Path(checkpoint_folder))
            self.totals.restore(kept)
            losses = kept["pending_loss"]
            mine = fmean(losses)  # for the log line, which tells the mean over the processes
            if len(losses) == self.args.world_size:
                mine = losses[self.args.process_index]
            self._pending = (mine, int(kept["last_logged"]))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        with told_where_code(str(checkpoint)):
            super()._load_rng_state(checkpoint)

    def reopen(self, folder: str) -> None:
        """Take the weights and totals of a checkpoint after the last step; nothing is trained."""
        self._load_from_checkpoint(folder)
        self.totals.restore(checkpoint.read_run_state(Path(folder)))
        self.state = TrainerState.load_from_json(str(Path(folder) / TRAINER_STATE_NAME))
        self._tr_loss = torch.tensor(0.0)
        if self.args.load_best_model_at_end and self.state.best_global_step:
            best = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.best_global_step}"
            self.state.best_model_checkpoint = str(best)
            self._load_best_model()


def not_finite(model: nn.Module) -> str | None:
    """The name of the first weight of a model that holds NaN or infinity, or None.

    Of a weight that is shared among processes this one's part is looked at.
    """
    for name, weight in model.named_parameters():
        held = weight.to_local() if isinstance(weight, DTensor) else weight
        if held.is_floating_point() and held.numel():
            # NaN comes through a minimum and a maximum, and nothing is copied for them
            low, high = torch.aminmax(held.detach())
            if not (torch.isfinite(low) and torch.isfinite(high)):
                return name
    return None


def last_good(home: Path, until: int | None = None) -> str:
    """A sentence that names the newest checkpoint of a folder with all its files (to a step)."""
    for path in checkpoint.checkpoints(home):
        early = until is None or checkpoint.step_of(path) <= until
        if early and checkpoint.fault(path, glance=True) is None:
            return f"The last good checkpoint is {path}."
    return "There is no checkpoint yet."
