"""The trainer of `train.parallel: fsdp`: parameters shared by processes, checkpoints in parts."""

import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.trainer import SCHEDULER_NAME

from lmkit.training import shards
from lmkit.training.checkpoint import told_where_code
from lmkit.training.sharding import gather, held_bytes, plain, shard, whole
from lmkit.training.trainer import ExactTrainer

logger = logging.getLogger(__name__)


class ShardedTrainer(ExactTrainer):
    """`ExactTrainer` over a model that no process holds whole while it trains."""

    runs_alone = False

    def __init__(self, **parts: Any) -> None:
        """Take what `ExactTrainer` takes, and share the model out."""
        super().__init__(**parts)
        self._shared: PreTrainedModel = parts["model"]
        before = held_bytes(self._shared)
        shard(self._shared, self.args.world_size)
        held = held_bytes(self._shared)
        if self.args.process_index == 0 and held < before:  # else it was shared already
            logger.info(
                "parameters are shared by %d processes: this one holds %.1f of %.1f MB",
                self.args.world_size, held / 1e6, before / 1e6,
            )  # fmt: skip

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train; afterwards every process holds the whole weights, to score and save them."""
        with warnings.catch_warnings():
            # of an output that is a view, and so must not be changed in place: nothing does that
            warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view tensor")
            ended = super().train(*args, **kwargs)
        gather(self._shared)
        return ended

    def reopen(self, folder: str) -> None:
        """As `train`, when nothing is left to train."""
        super().reopen(folder)
        gather(self._shared)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Score the validation split with the whole weights on every process."""
        with whole(self._shared):
            return super().evaluate(*args, **kwargs)

    def _wrap_model(self, model: nn.Module, *_args: Any, **_kwargs: Any) -> Any:
        """Autocast and no more: Accelerate would wrap the model for DDP."""
        again: Any = model  # it may have been another trainer's, which took its autocast along
        again._is_accelerate_prepared = False
        ready: Any = self.accelerator.prepare_model(
            model, device_placement=False, evaluation_mode=True
        )
        ready._is_accelerate_prepared = True  # its mark of a model that it shall leave alone
        return ready

    def _clip_grad_norm(self, model: nn.Module) -> Any:
        return plain(super()._clip_grad_norm(model))  # type: ignore[no-untyped-call] # not annotated

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        if grad_norm is None:  # no clipping: the norm is only looked at
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            grad_norm = plain(torch.nn.utils.get_total_norm(gradients))
        return super()._get_grad_norm(model, grad_norm)

    # Checkpoints

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write this process's part of the weights and of the optimizer's state.

        Raises:
            OSError, SafetensorError: it cannot be written; the other processes are told of it.
        """
        assert output_dir is not None  # a checkpoint; `model/` is written elsewhere
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        if self.args.should_save:
            tokenizer: Any = self.processing_class
            self._shared.config.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        shards.write(folder, self._shared, self._bare_optimizer())

    def _not_finite(self, model: nn.Module) -> str | None:
        told: list[str | None] = [None] * self.args.world_size
        torch.distributed.all_gather_object(told, super()._not_finite(model))
        return next((name for name in told if name is not None), None)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        """Of these only the schedule is left; see `save_model`."""
        if self.args.should_save:
            assert self.lr_scheduler is not None
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / SCHEDULER_NAME)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, *_args: Any) -> None:
        shards.read_weights(Path(resume_from_checkpoint), self._shared)

    def _load_best_model(self) -> None:
        shards.read_weights(Path(str(self.state.best_model_checkpoint)), self._shared)

    def _load_optimizer_and_scheduler(self, checkpoint_folder: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint_folder)
        if checkpoint_folder is not None:
            folder = Path(checkpoint_folder)
            shards.read_optimizer(folder, self._shared, self._bare_optimizer())
            with told_where_code(folder):
                kept = torch.load(folder / SCHEDULER_NAME, weights_only=True)
            assert self.lr_scheduler is not None
            self.lr_scheduler.load_state_dict(kept)

    def _bare_optimizer(self) -> torch.optim.Optimizer:
        """The optimizer without Accelerate's coat."""
        held: Any = self.optimizer
        bare: torch.optim.Optimizer = getattr(held, "optimizer", held)
        return bare
