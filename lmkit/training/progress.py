"""What a run tells while it lasts: metrics.jsonl always, TensorBoard always, and a person.

On a terminal a bar with loss, tokens per second and the time left; elsewhere a plain line now and
then. Only the first process writes.
"""

import json
import logging
import math
import sys
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lmkit.training.totals import Totals

logger = logging.getLogger(__name__)

TRAIN_KEYS = ("loss", "learning_rate", "grad_norm", "skipped_steps")


class MetricsFile(TrainerCallback):
    """Appends one JSON object a log line to metrics.jsonl."""

    def __init__(self, path: Path, totals: Totals) -> None:
        self.path, self.totals = path, totals
        self._last = (0, 0.0)  # tokens, seconds at the last training line

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Speeds count from here."""
        self._last = (self.totals.tokens, self.totals.elapsed())

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write one line, flushed."""
        found = logs or {}
        if "loss" in found:
            line = {
                "step": state.global_step,
                "epoch": found["epoch"],
                "tokens": self.totals.tokens,
            }
            line |= {key: found[key] for key in TRAIN_KEYS if key in found}
            line["tokens_per_second"] = found["tokens_per_second"] = self._speed()
        elif any(key.startswith("eval_") for key in found):
            line = {"step": state.global_step, **found}
        else:
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({k: _json_number(v) for k, v in line.items()}) + "\n")

    def _speed(self) -> float:
        tokens, seconds = self.totals.tokens, self.totals.elapsed()
        speed = (tokens - self._last[0]) / max(seconds - self._last[1], 1e-9)
        self._last = (tokens, seconds)
        return round(speed, 1)


class Teller(TrainerCallback):
    """Progress for a person, on standard error."""

    def __init__(self, totals: Totals, *, quiet: bool) -> None:
        self.totals = totals
        self.quiet = quiet
        self.bar: Progress | None = None
        self._began = (0, 0.0)  # steps, seconds when this process began

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Draw the bar, if a terminal is there to see it."""
        self._began = (state.global_step, self.totals.elapsed())
        if self.quiet or not sys.stderr.isatty():
            return
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeRemainingColumn(), TextColumn("{task.fields[facts]}"),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self.task = self.bar.add_task(
            "training", total=state.max_steps, completed=state.global_step, facts=""
        )
        self.bar.start()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Move the bar."""
        if self.bar is not None:
            self.bar.update(self.task, completed=state.global_step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """The newest loss, or the scores of an evaluation."""
        found = logs or {}
        if "loss" in found:
            facts = f"loss {found['loss']:.4f}  {found.get('tokens_per_second', 0):,.0f} tokens/s"
            if self.bar is not None:
                self.bar.update(self.task, facts=facts)
            elif not self.quiet:
                logger.info(
                    "step %d/%d  %s  %s left", state.global_step, state.max_steps, facts,
                    self._left(state),
                )  # fmt: skip
        elif not self.quiet:
            scores = [f"{k} {v:.4f}" for k, v in found.items() if k.startswith("eval_")]
            if scores:
                told = f"step {state.global_step}/{state.max_steps}  {'  '.join(scores)}"
                if self.bar is not None:
                    self.bar.console.print(told, highlight=False)
                else:
                    logger.info("%s", told)

    def close(self) -> None:
        """Take the bar away, also after an error."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def _left(self, state: TrainerState) -> str:
        done = state.global_step - self._began[0]
        seconds = (self.totals.elapsed() - self._began[1]) / max(done, 1)
        return clock(seconds * (state.max_steps - state.global_step))


def cut_after(path: Path, step: int) -> None:
    """Cut off the lines of steps that will be done again.

    They are the last ones, so the file is read from its end, however long it is, and what stays is
    never written anew: a kill meanwhile loses no line.

    Args:
        path: a file of JSON Lines with `step`, in their order; it may not be there.
        step: the last that is not done again.
    """
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("r+b") as file:
        with mmap(file.fileno(), 0, access=ACCESS_READ) as text:
            end = text.rfind(b"\n") + 1  # what follows was cut short by a kill
            while end:
                begin = text.rfind(b"\n", 0, end - 1) + 1
                if _is_done(text[begin:end], step):
                    break
                end = begin
        file.truncate(end)


def clock(seconds: float) -> str:
    """`1:02:03` or `2:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _is_done(line: bytes, step: int) -> bool:
    """Whether a line of the metrics tells of a step that is not done again."""
    try:
        return bool(json.loads(line)["step"] <= step)
    except (ValueError, KeyError, TypeError):
        return False  # damaged, as by a crash of the machine


def _json_number(value: Any) -> Any:
    """JSON has no NaN; a number that is none is null, never another number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
