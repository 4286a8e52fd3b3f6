"""How a session goes on by itself: from an earlier checkpoint, or with a smaller micro-batch."""

import gc
import logging
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate.utils import extract_model_from_parallel

from lmkit.commands.resolve import with_micro_batch
from lmkit.errors import GuardStopError, MemoryShortError
from lmkit.recipe.load import dump_recipe
from lmkit.recipe.sections import Recipe
from lmkit.run_folder import RunFolder, write_text
from lmkit.training import checkpoint
from lmkit.training.guard import MOST_ROLLBACKS, DivergedError, incident, stopped
from lmkit.training.incidents import Incident
from lmkit.training.processes import Processes
from lmkit.training.saving import last_good
from lmkit.training.trainer import ExactTrainer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where training goes on."""

    recipe: Recipe
    checkpoint: Path | None
    """None: at the beginning."""
    carried: tuple[Incident, ...] = ()
    """What happened since that checkpoint was written."""


def rolled_back(
    place: Place, diverged: DivergedError, folder: RunFolder, run_id: str, processes: Processes
) -> Place:
    """The last checkpoint from before a divergence; later ones are deleted.

    Raises:
        GuardStopError: there is none, or there were too many divergences.
    """
    before = processes.once(lambda: _last_before(diverged, folder.checkpoints, run_id))
    step = checkpoint.step_of(before)
    number = diverged.rollbacks + 1
    met = incident(diverged.step, diverged.alarm, "rollback") | {"to_step": step, "number": number}
    if processes.is_first:
        for path in checkpoint.checkpoints(folder.checkpoints):
            if checkpoint.step_of(path) > step:
                shutil.rmtree(path, ignore_errors=True)
        logger.warning(
            "step %d: %s. Going back to step %d, with half the learning rate",
            diverged.step, diverged.alarm.text, step,
        )  # fmt: skip
    return replace(place, checkpoint=before, carried=(*place.carried, met))


def _last_before(diverged: DivergedError, home: Path, run_id: str) -> Path:
    alarm, step = diverged.alarm, diverged.step
    if diverged.rollbacks >= MOST_ROLLBACKS:
        raise GuardStopError(
            f"after {MOST_ROLLBACKS} rollbacks, {stopped(step, alarm.text, home, alarm.since)}"
        )
    for path in checkpoint.checkpoints(home):
        if checkpoint.step_of(path) <= alarm.since and not checkpoint.fault(path, run_id):
            return path
    raise GuardStopError(
        f"{stopped(step, alarm.text, home, alarm.since)} There is none to go back to: save "
        "more often (train.save_steps), or keep more of them (train.save_total_limit)"
    )


def halved(place: Place, trainer: ExactTrainer, folder: RunFolder, processes: Processes) -> Place:
    """The same step again, with half the micro-batch and twice the accumulation.

    Raises:
        MemoryShortError: there is nothing left to halve.
    """
    micro, step = trainer.setup.order.shape.micro, trainer.state.global_step
    if micro == 1:
        raise MemoryShortError(
            f"step {step + 1}: out of memory with a micro-batch of one sequence; try shorter "
            "sequences (task.block_size or task.max_length), "
            "train.activation_checkpointing: true, a smaller model, or model.lora"
        )
    text = (
        f"out of memory with a micro-batch of {micro}; going on with {micro // 2} and more "
        f"accumulation: a step still has {trainer.setup.order.shape.total} sequences"
    )
    met: Incident = {"step": step + 1, "kind": "out_of_memory", "action": "halve", "text": text}
    trainer.note(met)
    recipe = with_micro_batch(place.recipe, micro // 2)
    if processes.is_first:
        logger.warning("step %d: %s", step + 1, text)
        write_text(folder.recipe, dump_recipe(recipe))
    saved = trainer.save_now() if step else None
    return Place(recipe, saved, place.carried if saved else (*place.carried, met))


def memory_text(trainer: ExactTrainer) -> str:
    """What to do where memory failed outside of a step that can be done again."""
    micro = trainer.setup.order.shape.micro
    return (
        f"after step {trainer.state.global_step}: out of memory. Go on with --resume and less at "
        f"once: train.per_device_train_batch_size (now {micro}; train.total_batch_size keeps the "
        "batch as it is) or train.per_device_eval_batch_size (now "
        f"{trainer.args.per_device_eval_batch_size}). "
        f"{last_good(Path(str(trainer.args.output_dir)))}"
    )


def release(trainer: ExactTrainer) -> None:
    """Let go of what a trainer holds, so that the next one can train the same model."""
    if trainer.neftune_noise_alpha is not None:
        trainer.neftune_hook_handle.remove()
    trainer.optimizer = trainer.lr_scheduler = None
    trainer.model_wrapped = trainer.model  # type: ignore[assignment] # theirs says too little
    trainer.accelerator.free_memory()
    extract_model_from_parallel(trainer.model, keep_fp32_wrapper=False)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
