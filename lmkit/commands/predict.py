"""`lmkit predict`: what a fine-tuned model says of texts, in the order in which they came.

Rows are read, answered and written a window at a time, so that any number of them fits in memory;
within a window texts of similar length share a batch, so that little is padded.
"""

import json
import logging
import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from lmkit import tasks
from lmkit.commands.output import check_output, open_output
from lmkit.commands.subject import recipe_of, task_and_model
from lmkit.data.clean_text import cleaner
from lmkit.data.encoded import chunks
from lmkit.data.file_source import FileSource
from lmkit.data.files import find_files
from lmkit.data.formats import DataFile, Kind
from lmkit.data.sources import Row
from lmkit.data.text import Reading
from lmkit.data.tokenizer import load_tokenizer
from lmkit.errors import DataError, UsageError
from lmkit.models.device import default_device
from lmkit.models.loading import ModelLoader
from lmkit.run_folder import model_folder
from lmkit.tasks.base import Task

WINDOW = 2048
"""Rows in memory at a time."""
TELL_EVERY = 10.0  # seconds between lines of progress
STANDARD_INPUT = "-"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PredictOptions:
    """What `lmkit predict` may be told."""

    texts: Sequence[str] = ()
    """The texts, where they are given as arguments."""
    input: str | None = None
    """A file, a folder or a glob of rows; `-` is standard input."""
    column: str | None = None
    """The column of the text; left out, the one the model was trained on."""
    output: str | None = None
    """A file for the JSON Lines; left out, standard output."""
    batch_size: int = 32
    """Texts at a time."""
    as_json: bool = False
    """JSON Lines on a terminal too."""


def predict(target: str, options: PredictOptions) -> None:
    """Answer for every text: {"text", ...} and the input's own columns, a JSON line each.

    Texts given as arguments are answered with a readable line each where standard output is a
    terminal.

    Raises:
        LmkitError: target, texts and options do not fit, or cannot be read.
    """
    _check(options)
    predictor = Predictor(target, options.column, options.batch_size)
    rows = _rows(options, predictor)
    for_people = options.input is None and options.output is None and not options.as_json
    if for_people and sys.stdout.isatty():
        for row, answer in predictor.answers(rows):
            sys.stdout.write(_shown(predictor.task, row, answer))
        return
    start, count, told = time.perf_counter(), 0, time.monotonic()
    renamed: set[str] = set()
    with open_output(options.output) as file:
        for row, answer in predictor.answers(rows):
            made = _line(row, answer, predictor.columns)
            renamed |= {key for key in row.values if key in answer}
            file.write(made + "\n")
            count += 1
            if time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                logger.info("%d texts", count)
    for name in sorted(renamed):
        logger.info("the input's own column `%s` is written as `input_%s`", name, name)
    seconds = time.perf_counter() - start
    logger.info("%d texts in %.1f s: %.0f a second", count, seconds, count / seconds)


class Predictor:
    """A model that answers for rows."""

    def __init__(self, target: str, column: str | None, batch_size: int) -> None:
        """Find out what the target is for; its weights are read when the first rows are there."""
        recipe = recipe_of(target)
        options, section = task_and_model(target, recipe)
        if column is not None:
            options = options.model_copy(update={"text_column": column})
        self.task: Task[Any] = tasks.build(options)
        self.columns = self.task.input_columns()
        self.batch_size = batch_size
        self._clean = cleaner(None if recipe is None else recipe.data.clean)
        self._loader = ModelLoader(section)
        self._tokenizer = load_tokenizer(model_folder(target))
        self._model: PreTrainedModel | None = None

    def answers(self, rows: Iterable[Row]) -> Iterator[tuple[Row, dict[str, Any]]]:
        """Each row with what the task says of it, in order.

        Raises:
            UsageError: the model's task predicts nothing.
            DataError: a row holds no text.
        """
        for window in chunks(rows, WINDOW):
            yield from zip(window, self._window(window), strict=True)

    @torch.no_grad()
    def _window(self, rows: list[Row]) -> list[dict[str, Any]]:
        features = self.task.encode_inputs(self._cleaned(rows), self._tokenizer)
        model = self._opened()
        lengths = [len(feature["input_ids"]) for feature in features]
        order = np.argsort(lengths, kind="stable")[::-1]  # the longest first: memory fails at once
        found: list[dict[str, Any]] = [{}] * len(features)
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size].tolist()
            batch = self.task.collate([features[index] for index in chosen])
            batch = {key: value.to(model.device) for key, value in batch.items()}
            answers = self.task.decode(self.task.infer(model, batch), batch)
            for index, answer in zip(chosen, answers, strict=True):
                found[index] = answer
        return self.task.answers(rows, found)

    def _cleaned(self, rows: list[Row]) -> list[Row]:
        """The rows with their texts as those that the model was trained on.

        Raises:
            DataError: nothing is left of a text.
        """
        if self._clean is None:
            return rows
        made = []
        for row in rows:
            values = dict(row.values)
            for name in self.columns:
                text = values.get(name)
                if isinstance(text, str) and text.strip():  # else the task tells what is wrong
                    values[name] = self._clean(text)
                    if not values[name].strip():
                        raise DataError(
                            f"{row.origin}: nothing is left of the text by the transforms that the "
                            "model was trained with (data.clean in its recipe); leave the row out"
                        )
            made.append(Row(values, row.origin))
        return made

    def _opened(self) -> PreTrainedModel:
        """The model, read once."""
        if self._model is None:
            model = self.task.build_model(self._loader, self._tokenizer)
            self._model = model.to(default_device()).eval()  # type: ignore[arg-type] # its stub knows no string
        return self._model


class _StandardInput(DataFile):
    """Standard input, named so in messages."""

    def __str__(self) -> str:
        return "standard input"


def _check(options: PredictOptions) -> None:
    """What can be said of the options alone."""
    if options.input is not None and options.texts:
        raise UsageError("--input and texts as arguments: give one of the two")
    if options.input is None and not options.texts:
        raise UsageError(
            "nothing to predict: give texts as arguments, or --input FILE (- is standard input)"
        )
    if options.column is not None and options.input is None:
        raise UsageError("--column: names a column of --input, which is not given")
    for number, text in enumerate(options.texts, start=1):
        if not text.strip():
            raise UsageError(f"text {number}: is blank")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise UsageError(f"text {number}: is not valid UTF-8")
    check_output(options.output)
    if options.output is not None and options.input not in (None, STANDARD_INPUT):
        given, written = Path(str(options.input)), Path(options.output)
        if given.exists() and written.exists() and given.samefile(written):
            raise UsageError(f"--output {options.output}: is the input; name another file")


def _rows(options: PredictOptions, predictor: Predictor) -> Iterator[Row]:
    """The rows to answer for."""
    if options.input is None:
        made = enumerate(predictor.task.input_rows(options.texts), start=1)
        return (Row(values, f"text {number}") for number, values in made)
    if options.input == STANDARD_INPUT:
        kind: Kind = "text" if options.column is None else "jsonl"
        files: list[DataFile] = [_StandardInput(Path("/dev/stdin"), kind, "")]
    else:
        files = find_files(options.input, "--input")
    return _read(FileSource("input", files, Reading("line", "strict", predictor.columns[0])))


def _read(source: FileSource) -> Iterator[Row]:
    """Every row of a source; one whose text is blank too, for no answer may be missing."""
    kept = 0
    for row in source.read():
        kept += 1
        yield row
    if not kept:
        raise DataError(f"--input: {source.nothing(0)}")


def _line(row: Row, answer: dict[str, Any], columns: Sequence[str]) -> str:
    """The JSON line of a row: what was asked (`text`, where it is one), the answer, the rest."""
    asked = {}
    if len(columns) == 1 and columns[0] in row.values:
        asked = {"text": row.values[columns[0]]}
    made = {**asked, **answer}
    for key, value in row.values.items():
        if asked and key == columns[0]:
            continue
        name = key
        while name in made:
            name = f"input_{name}"
        made[name] = None if isinstance(value, float) and not math.isfinite(value) else value
    return json.dumps(made, ensure_ascii=False, default=str)


def _shown(task: Task[Any], row: Row, answer: dict[str, Any]) -> str:
    """A line for people: the answer, then what was asked."""
    asked = (" ".join(str(value).split()) for value in row.values.values())
    return f"{task.shown(answer)}  {' | '.join(asked)}\n"
