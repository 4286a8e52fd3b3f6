"""Saving and resuming for Trainer: a checkpoint is whole or absent, and a resume misses nothing.

What Trainer itself writes is put aside, sealed and renamed (`lmkit.training.checkpoint`), and with
it the totals of the run and the loss since the last log line.
"""

import logging
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import Trainer, TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from lmkit.errors import CheckpointError
from lmkit.training import checkpoint
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
    _pending = (0.0, 0)  # loss summed since the last log line, and the step of that line

    def _get_output_dir(self, trial: Any) -> str:
        return self._aside or str(super()._get_output_dir(trial))

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Write a checkpoint aside, seal it, and rename it: whole or absent."""
        home = Path(str(self.args.output_dir))
        name = f"checkpoint-{self.state.global_step}"
        aside = home / f".tmp-{name}"
        with self.totals.paused():
            try:
                self._write_aside(model, trial, home, aside, name)
            except (OSError, RuntimeError, SafetensorError, CheckpointError) as error:
                shutil.rmtree(aside, ignore_errors=True)
                told = f"checkpoint {name} could not be written: {error}"
                if self.on_save_error == "stop":
                    raise CheckpointError(f"{told}. {last_good(home)}") from error
                logger.warning("%s; training goes on (train.on_save_error: continue)", told)

    def _write_aside(
        self, model: nn.Module, trial: Any, home: Path, aside: Path, name: str
    ) -> None:
        if self.args.should_save:
            home.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(aside, ignore_errors=True)
            assert self.optimizer is not None
            needed = self._last_size or checkpoint.tensor_bytes(
                [model.state_dict(), self.optimizer.state_dict()]
            )
            checkpoint.require_space(home, int(needed * SPACE_MARGIN))
        best = self.state.best_model_checkpoint
        if self.state.best_global_step == self.state.global_step:
            best = str(home / name)
        self._aside, limit = str(aside), self.args.save_total_limit
        self.args.save_total_limit = None  # rotated below, once the new one is whole
        self.state.best_model_checkpoint = best
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._aside = ""
            self.args.save_total_limit = limit
            self.state.best_model_checkpoint = best
        if self.args.world_size > 1:
            torch.distributed.barrier()
        pending = self._pending_loss()
        if self.args.should_save:
            # Trainer noted the best checkpoint under the name it has while it is written aside.
            self.state.save_to_json(str(aside / name / TRAINER_STATE_NAME))
            kept = {"pending_loss": pending, "last_logged": self._globalstep_last_logged}
            checkpoint.write_run_state(aside / name, {**self.totals.state(), **kept})
            self._last_size = checkpoint.folder_size(aside / name)
            checkpoint.publish(aside / name, home / name, self.run_id)
            aside.rmdir()
            checkpoint.rotate(home, limit, best)

    def _pending_loss(self) -> float:
        """The loss summed since the last log line, as a mean over the processes."""
        pending = self._tr_loss.detach().clone()
        if self.args.world_size > 1:
            torch.distributed.all_reduce(pending)
        mean: float = pending.item() / self.args.world_size
        return mean

    def _init_training_state(self, *args: Any, **kwargs: Any) -> Any:
        made = super()._init_training_state(*args, **kwargs)
        if self.state.best_global_step:  # the run folder may have been moved since
            best = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.best_global_step}"
            self.state.best_model_checkpoint = str(best) if best.is_dir() else None
        return made

    def _load_optimizer_and_scheduler(self, checkpoint_folder: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint_folder)
        if checkpoint_folder is not None:
            kept = checkpoint.read_run_state(Path(checkpoint_folder))
            self.totals.restore(kept)
            self._pending = (float(kept["pending_loss"]), int(kept["last_logged"]))

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


def last_good(home: Path) -> str:
    """A sentence that names the newest checkpoint of a folder."""
    found = checkpoint.checkpoints(home)
    return f"The last good checkpoint is {found[0]}." if found else "There is no checkpoint yet."
