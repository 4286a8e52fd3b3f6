"""`lmkit predict`: what a model says of texts, in the order in which they came.

Rows are read, answered and written a window at a time, so that any number of them fits in memory.
A row that cannot be read or answered gets a line of its own with what is wrong, and is told on
standard error; the others go on.
"""

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lmkit import tasks
from lmkit.commands.asked import STANDARD_INPUT, Asked, from_files, from_texts, windows
from lmkit.commands.gguf import as_folder
from lmkit.commands.output import check_output, open_output
from lmkit.commands.prediction_lines import Answer, Format, Lines, choose_format
from lmkit.commands.predictor import Answerer, Predictor
from lmkit.commands.subject import recipe_of, task_and_model
from lmkit.commands.zero_shot import ZeroShotOptions, open_zero_shot
from lmkit.data.clean_text import cleaner
from lmkit.data.formats import Kind
from lmkit.data.text_columns import TextColumns, changing
from lmkit.data.tokenizer import load_tokenizer
from lmkit.errors import DataError, UsageError
from lmkit.models.loading import ModelLoader
from lmkit.run_folder import model_folder
from lmkit.training.hardware import Precision

TELL_EVERY = 10.0  # seconds between lines of progress
WHOLE: tuple[Kind, ...] = ("parquet", "arrow")  # formats that cannot be read as they come
TOLD = 20  # rows without an answer that are told one by one; the output names them all

logger = logging.getLogger(__name__)

Answered = list[tuple[Asked, Answer | None]]


@dataclass(frozen=True)
class PredictOptions:
    """What `lmkit predict` may be told."""

    texts: Sequence[str] = ()
    """The texts, where they are given as arguments."""
    input: str | None = None
    """A file, a folder or a glob of rows; `-` is standard input."""
    column: str | None = None
    """The column of the text; left out, the one the model was trained on."""
    input_format: Kind | None = None
    """Of `input`; left out, by its name; standard input is a text a line, or JSON Lines where
    `column` is given."""
    output: str | None = None
    """A file for the lines; left out, standard output."""
    format: str | None = None
    """`jsonl` or `csv`; left out, by the extension of `output`, else `jsonl`."""
    strict: bool = False
    """End at the first row that cannot be read or answered."""
    batch_size: int | None = None
    """Texts at a time; left out, as many as are fastest."""
    precision: Precision | None = None
    """In which matrices are multiplied; left out, as is fastest without changing a label."""
    zero_shot: ZeroShotOptions | None = None
    """Labels that the model was not trained on; left out, its own task's answers."""
    as_json: bool = False
    """JSON Lines on a terminal too."""


def predict(target: str, options: PredictOptions) -> None:
    """Answer for every text: {"text", ...} and the input's own columns, a line each.

    Texts given as arguments are answered with a readable line each where standard output is a
    terminal.

    Raises:
        LmkitError: target, texts and options do not fit, or cannot be read; with `strict`, at the
            first row that cannot be answered.
    """
    form = _check(options)
    predictor = _open(target, options)
    answered = _strictly(predictor.answers(_windows(options, predictor)), options.strict)
    for_people = options.input is None and options.output is None and options.format is None
    if for_people and not options.as_json and sys.stdout.isatty():
        for window in answered:
            for item, answer in window:
                if answer is not None:
                    sys.stdout.write(_shown(predictor.answerer, item, answer))
        return
    start, count, told = time.perf_counter(), 0, time.monotonic()
    first = next(answered, [])  # what is wrong with all of the input is told before it is written
    with open_output(options.output) as file:
        lines = Lines(file, form, predictor.columns)
        for window in _and(first, answered):
            lines.write(window)
            count += len(window)
            if time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                logger.info("%d texts", count)
    for name in sorted(lines.renamed):
        logger.info("the input's own column `%s` is written as `input_%s`", name, name)
    if lines.left_out:
        logger.warning(
            "columns that the first rows lack are not in the CSV: %s; JSON Lines hold them all",
            ", ".join(sorted(lines.left_out)),
        )
    seconds = time.perf_counter() - start
    logger.info("%d texts in %.1f s: %.0f a second", count, seconds, count / seconds)


def _check(options: PredictOptions) -> Format:
    """What can be said of the options alone; the format of the output."""
    _check_input(options)
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
    return choose_format(options.format, options.output)


def _check_input(options: PredictOptions) -> None:
    """Whether it is said once, and fully, what is to be answered."""
    if options.input is not None and options.texts:
        raise UsageError("--input and texts as arguments: give one of the two")
    if options.input is None and not options.texts:
        raise UsageError(
            "nothing to predict: give texts as arguments, or --input FILE (- is standard input)"
        )
    if options.column is not None and options.input is None:
        raise UsageError("--column: names a column of --input, which is not given")
    if options.input_format is not None and options.input is None:
        raise UsageError("--input-format: is that of --input, which is not given")
    if options.input == STANDARD_INPUT and options.input_format in WHOLE:
        raise UsageError(
            f"--input-format {options.input_format}: is read from its end, and standard input "
            "comes once; name the file with --input FILE"
        )


def _open(target: str, options: PredictOptions) -> Predictor:
    """Find out what the target is for; its weights are read when the first rows are there."""
    target = as_folder(target)
    recipe = recipe_of(target)
    if options.zero_shot is not None:
        answerer, section = open_zero_shot(target, options.zero_shot, options.column or "text")
    else:
        settled, section = task_and_model(target, recipe)
        if options.column is not None:
            settled = settled.model_copy(update={"text_column": options.column})
        answerer = tasks.build(settled)
    clean, columns = None, answerer.input_columns()
    if recipe is not None and (transforms := cleaner(recipe.data.clean)) is not None:
        clean = changing(TextColumns.of(recipe.task)._replace(texts=columns), transforms)
    return Predictor(
        answerer, ModelLoader(section), load_tokenizer(model_folder(target)), clean=clean,
        batch_size=options.batch_size, precision=options.precision,
    )  # fmt: skip


def _windows(options: PredictOptions, predictor: Predictor) -> Iterator[list[Asked]]:
    """The rows to answer for."""
    if options.input is None:
        return windows(from_texts(predictor.answerer.input_rows(options.texts)))
    kind = options.input_format
    if kind is None and options.input == STANDARD_INPUT and options.column is not None:
        kind = "jsonl"
    return from_files(options.input, predictor.columns[0], kind)


def _strictly(answered: Iterator[Answered], strict: bool) -> Iterator[Answered]:
    """The windows, and a word on each row that has no answer.

    Raises:
        DataError: the first such row, where `strict`; or no row of the first window has one.
    """
    failed = count = 0
    for window in answered:
        wrong = [item for item, answer in window if answer is None]
        if wrong and strict:
            before = [item for item, _ in window].index(wrong[0])
            if before:
                yield window[:before]
            raise _error(wrong[0])
        if not count and len(wrong) == len(window):
            more = f"\nno row of the first {len(window):,} can be answered" if wrong[1:] else ""
            raise DataError(f"{_error(wrong[0])}{more}")
        for item in wrong[: max(0, TOLD - failed)]:
            logger.warning("%s", item.error)
        count += len(window)
        failed += len(wrong)
        yield window
    if failed:
        logger.warning(
            "%d of %d rows could not be answered; the line of each says why, under `error`",
            failed, count,
        )  # fmt: skip


def _error(item: Asked) -> DataError:
    assert item.error is not None
    return item.error


def _and(first: Answered, rest: Iterator[Answered]) -> Iterator[Answered]:
    if first:
        yield first
    yield from rest


def _shown(answerer: Answerer, item: Asked, answer: Answer) -> str:
    """A line for people: the answer, then what was asked."""
    asked = (" ".join(str(value).split()) for value in item.row.values.values())
    return f"{answerer.shown(answer)}  {' | '.join(asked)}\n"
