"""`lmkit generate`: open a model, let it continue prompts, write what it wrote.

Standard output gets text for people, or JSON Lines; with `--output` the JSON Lines go to that file.
"""

import json
import logging
import sys
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, TextIO

from lmkit.commands.gguf import as_folder
from lmkit.commands.output import check_output, open_output
from lmkit.commands.subject import recipe_of
from lmkit.commands.texts_file import TextsFile, settings_of
from lmkit.data.asking import question_by
from lmkit.generation.opening import open_for_writing
from lmkit.generation.options import GenerationOptions
from lmkit.generation.prompts import Prompt
from lmkit.generation.writer import Writer

OWN_COLUMNS = ("index", "prompt", "sequence", "text")

logger = logging.getLogger(__name__)


def generate_lines(
    target: str,
    prompts: Iterable[Prompt],
    options: GenerationOptions,
    output: str | None,
    *,
    resume: bool = False,
) -> None:
    """JSON Lines in the order of the prompts: {"index", "prompt", "text"} and the own columns.

    With several sequences a prompt each has a line of its own, told apart by "sequence".

    Args:
        target: a run folder, a checkpoint, a model folder or a hub name.
        prompts: read while writing.
        options: how to write.
        output: the file; None is standard output.
        resume: go on with that file where an earlier call was killed.

    Raises:
        LmkitError: the model, a prompt or the output file cannot be used.
    """
    check_output(output)
    target = as_folder(target)
    if output is None:
        writer = _writer(target, options)
        with open_output(None) as file:
            _write(writer, prompts, file)
        return
    texts = TextsFile(output, options, resume=resume)
    writer = _writer(target, texts.options)
    sequences = options.num_return_sequences
    with texts.open(settings_of(target, writer), sequences) as (file, done):
        wanted = partial(_rows, sequences=sequences)
        _write(writer, texts.checked(prompts, done, wanted), file, done)


def _write(writer: Writer, prompts: Iterable[Prompt], file: TextIO, done: int = 0) -> None:
    """A line for each text, behind those of the prompts that are done."""
    start, texts, tokens = time.perf_counter(), 0, 0
    replaced: set[str] = set()
    several = writer.options.num_return_sequences > 1
    for answer in writer.answers(prompts, done=done):
        replaced |= set(OWN_COLUMNS) & set(answer.prompt.columns)
        row = _row(answer.prompt, answer.sequence if several else None, answer.text)
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
        texts, tokens = texts + 1, tokens + answer.tokens
    file.flush()
    if replaced:
        logger.warning(
            "columns of the input that were written over: %s", ", ".join(sorted(replaced))
        )
    seconds = time.perf_counter() - start
    logger.info(
        "%d texts, %d new tokens in %.1f s: %.0f tokens per second",
        texts,
        tokens,
        seconds,
        tokens / seconds,
    )


def generate_text(target: str, prompts: Sequence[Prompt], options: GenerationOptions) -> None:
    """Texts for people on standard output: the prompt and its continuation, a blank line between.

    One text on a terminal is shown while it is written. The text of a sequence-to-sequence model,
    or of one that was fine-tuned to chat, is shown without the prompt, which it answers.

    Raises:
        LmkitError: the model or a prompt cannot be used.
    """
    writer = _writer(as_folder(target), options)
    texts = len(prompts) * options.num_return_sequences
    if texts == 1 and options.num_beams == 1 and sys.stdout.isatty():
        if writer.continues:
            _show(prompts[0].text)
        for _ in writer.answers(prompts, on_text=_show):
            _show("\n")
        return
    for place, answer in enumerate(writer.answers(prompts)):
        shown = answer.prompt.text + answer.text if writer.continues else answer.text
        _show(("\n" if place else "") + shown + "\n")


def _writer(target: str, options: GenerationOptions) -> Writer:
    """The model of a target, asked as its run taught it: in turns of a chat, or with a prefix.

    Raises:
        LmkitError: the model cannot be used.
    """
    model, tokenizer = open_for_writing(target)
    recipe = recipe_of(target)
    prefix = "" if recipe is None else getattr(recipe.task, "source_prefix", "")
    ask = None if recipe is None else question_by(recipe.task, tokenizer)
    if ask is not None:
        logger.info("each prompt is a user's message, answered by the chat template of the model")
    return Writer(model, tokenizer, options, prefix=prefix, ask=ask)


def _row(prompt: Prompt, sequence: int | None, text: str) -> dict[str, Any]:
    """The object of one line; `sequence` where a prompt has several."""
    row: dict[str, Any] = {"index": prompt.index, "prompt": prompt.text}
    if sequence is not None:
        row["sequence"] = sequence
    row["text"] = text
    return row | {key: value for key, value in prompt.columns.items() if key not in row}


def _rows(prompt: Prompt, sequences: int) -> list[dict[str, Any]]:
    """The objects of a prompt's lines, without their texts."""
    numbers = range(sequences) if sequences > 1 else [None]
    rows = [_row(prompt, number, "") for number in numbers]
    return [{key: value for key, value in row.items() if key != "text"} for row in rows]


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
