"""The end of a run: score, write `model/` whole or not at all, then summary and manifest."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelerate.utils import extract_model_from_parallel
from safetensors import SafetensorError

from lmkit.commands.costs import cost_of, flops_of
from lmkit.commands.manifest import end_manifest
from lmkit.commands.report import leave_report
from lmkit.commands.scoring_run import Evaluation, evaluate_split
from lmkit.commands.session import Session, Trained
from lmkit.data.tokenizer import save_tokenizer
from lmkit.durable import put_in_place, shortage
from lmkit.errors import RunFolderError
from lmkit.evaluation.detail import details_json
from lmkit.evaluation.kept_rows import pack
from lmkit.evaluation.scoring import score
from lmkit.models.adapting import merge, save_adapter
from lmkit.models.lstm_config import LSTMConfig
from lmkit.reports.card import Subject, card
from lmkit.run_folder import write_bytes, write_json, write_text
from lmkit.training.checkpoint import tensor_bytes
from lmkit.training.sharding import state_dict
from lmkit.training.totals import peak_memory_mb

logger = logging.getLogger(__name__)


def finish(session: Session, trained: Trained) -> dict[str, Any]:
    """Evaluate on test (else validation) and leave the run folder complete.

    Returns:
        The summary, as written.
    """
    flops = flops_of(session, trained)
    if session.recipe.model.lora is not None:
        _merge(session)
    scored = _evaluation(session)
    seconds = trained.totals.elapsed()
    costs = cost_of(session, trained, flops)
    summary = {
        "task": session.recipe.task.name,
        "model": session.recipe.model.source or session.recipe.model.architecture,
        "split": None,
        "step": trained.best_step or trained.step,
        "metrics": {},
        "intervals": {},
        "baselines": {},
        **(scored.as_json() if scored is not None else {}),
        "kept_because": trained.kept_because,
        "train": {
            "steps": trained.step,
            "tokens": trained.totals.tokens,
            "seconds": round(seconds, 3),
            "tokens_per_second": round(trained.totals.tokens / max(seconds, 1e-9), 1),
            "peak_memory_mb": round(peak_memory_mb(), 1),
            "loss": trained.loss,
            **costs,
        },
        "guard": trained.totals.incidents.summary(),
        "output_dir": str(session.folder.path),
    }

    def write() -> None:
        _write_model(session, summary)
        session.folder.rows.unlink(missing_ok=True)  # of before, where a run is made longer
        write_json(session.folder.summary, summary)
        if scored is not None:
            told = details_json(scored.task, scored.split, scored.details)
            write_json(session.folder.details, told)
            if (kept := pack(scored.units)) is not None:
                write_bytes(session.folder.rows, kept)
        end_manifest(  # the last thing that is needed: it says that the run is finished
            session.folder,
            tokens=trained.totals.tokens,
            seconds=round(seconds, 3),
            **{key: costs[key] for key in ("energy_kwh", "energy_source") if key in costs},
            kept_step=summary["step"],
        )
        leave_report(session.folder)

    session.processes.once(write)  # the others stay until all is written
    return summary


def _evaluation(session: Session) -> Evaluation | None:
    source = session.splits.test or session.splits.validation
    if source is None:
        return None
    # as `lmkit eval` does: in the weights' own precision, not that of training
    extract_model_from_parallel(session.model, keep_fp32_wrapper=False)
    _tune(session)
    logger.info("scoring the %s data", source.name)
    return evaluate_split(
        session.task, session.model, session.tokenizer, source,
        batch_size=session.recipe.train.per_device_eval_batch_size,
        seed=session.recipe.train.seed, train=session.splits.train,
        rank=session.processes.rank, world_size=session.processes.world_size,
        detailed=session.processes.rank == 0, kept=session.processes.rank == 0,
    )  # fmt: skip


def _merge(session: Session) -> None:
    """Keep the adapters by themselves, and score and save the model with them merged in."""

    def write() -> None:
        trained = [weight for weight in session.model.parameters() if weight.requires_grad]
        with _written(session.folder.adapter, tensor_bytes(trained)) as aside:
            source = session.recipe.model.source or session.folder.path.name
            save_adapter(session.model, aside, source)

    session.processes.once(write)
    merge(session.model)


def _tune(session: Session) -> None:
    """Let the task choose what it chooses on the validation data (a threshold)."""
    validation, task = session.splits.validation, session.task
    if validation is None or not task.tunes():
        return
    task.attach(session.model)
    try:
        rows = score(
            session.model, task, session.scored(validation),
            batch_size=session.recipe.train.per_device_eval_batch_size,
            rank=session.processes.rank, world_size=session.processes.world_size,
        )  # fmt: skip
    finally:
        task.detach(session.model)
    task.tune(rows, session.model)


def _write_model(session: Session, summary: dict[str, Any]) -> None:
    """Weights, tokenizer, generation config and card, written aside and renamed.

    Raises:
        RunFolderError: the disk is full or cannot be written; `--resume` tries this part again.
    """
    weights = state_dict(session.model)
    with _written(session.folder.model, tensor_bytes(weights)) as aside:
        session.model.save_pretrained(str(aside), state_dict=weights)
        save_tokenizer(session.tokenizer, aside)
        session.task.write_beside(session.model, aside)
        told = card(_subject(session), summary, session.folder.read_manifest())
        write_text(aside / "README.md", told)


@contextmanager
def _written(final: Path, needed: int) -> Iterator[Path]:
    """A folder to fill, which becomes `final`, synced, whole or not at all.

    Args:
        final: its name.
        needed: about the bytes that it will hold.

    Raises:
        RunFolderError: the disk is full or cannot be written.
    """
    aside, leaving = (final.with_name(f".{final.name}.{state}") for state in ("tmp", "old"))
    shutil.rmtree(aside, ignore_errors=True)
    try:
        _require_room(final.parent, needed)
        yield aside
        put_in_place(aside, final, leaving)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise RunFolderError(
            f"{final}: cannot be written: {error}; training is done, so make room and run the same "
            "command with --resume"
        ) from error


def _require_room(folder: Path, needed: int) -> None:
    if short := shortage(folder, needed):
        raise OSError(f"no room on the disk: {short}")


def _subject(session: Session) -> Subject:
    """What the model card is about."""
    section = session.recipe.data
    data = section.dataset
    if section.mixture:
        data = "; ".join(entry.label() for entry in section.mixture)
    elif data is None:
        named = section.files("train") or ()
        data = ", ".join(Path(n).name for n in ([named] if isinstance(named, str) else named))
    own = isinstance(session.model.config, LSTMConfig)
    return Subject(
        name=session.folder.path.name,
        kind=session.model.config.model_type,
        parameters=session.model.num_parameters(),
        source=session.recipe.model.source,
        data=data,
        opened="Open it after `import lmkit.models.lstm`." if own else "",
    )
