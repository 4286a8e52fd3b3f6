"""`lmkit eval --benchmarks`: what language models are compared by, from files or from lm-eval.

A file of rows is scored directly: by the last word of `text`, or by the likeliest of `choices`. A
name, or a task file (.yaml), is lm-eval's.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lmkit.commands.bar import progress_bar
from lmkit.commands.contaminated import Found, Trained, contamination, trainings
from lmkit.commands.eval_options import EvalOptions
from lmkit.commands.gguf import as_folder
from lmkit.commands.harness import SUFFIXES, require_harness, run_tasks
from lmkit.commands.output import SHOWN, keep_details, tell_json
from lmkit.commands.scoring_run import Evaluation
from lmkit.commands.subject import MAX_CONTEXT, SEED
from lmkit.data.benchmark_rows import read_items
from lmkit.data.file_source import FileSource
from lmkit.data.limits import FirstRows
from lmkit.data.sources import Source, open_files
from lmkit.errors import DataError, ModelError, UsageError
from lmkit.evaluation import benchmark_scores
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.scoring import score
from lmkit.evaluation.verdict import verdict
from lmkit.generation.continuations import Continuations, encode_pairs
from lmkit.generation.opening import open_for_writing
from lmkit.models.inspecting import usable_positions
from lmkit.recipe.base import TaskOptions
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.options.multiple_choice import MultipleChoiceOptions
from lmkit.recipe.sections import DataSection


def run_benchmarks(target: str, options: EvalOptions) -> None:
    """Score a causal model on each, and tell the results.

    Raises:
        LmkitError: the model, a file or a task cannot be used.
    """
    files, theirs = _files_and_tasks(options)
    trained = trainings(target, options.pretraining) if options.contamination else []
    target = as_folder(target)
    model, tokenizer = open_for_writing(target)
    if model.config.is_encoder_decoder:
        raise ModelError(f"{target}: --benchmarks asks a causal model, and this one has an encoder")
    context = usable_positions(model.config) or MAX_CONTEXT
    found = [_of_file(name, model, tokenizer, context, options) for name in files]
    if theirs:
        found += run_tasks(
            theirs, model, tokenizer, batch_size=options.batch_size, context=context,
            limit=options.limit, shots=options.shots, trusted=options.trust_benchmark_code,
        )  # fmt: skip
    copied = [_copied(one, trained, options) for one in found] if trained else []
    extra = [one.as_json() for one in copied] or [{}] * len(found)
    scores = {one.split: one.as_json() | more for one, more in zip(found, extra, strict=True)}
    details = _numbered(found, copied)
    keep_details(options.details, "benchmarks", ", ".join(scores), details)
    if not tell_json(
        {"model": target, "benchmarks": scores}, options.output, shown=options.as_json
    ):
        lines = [one.lines() for one in copied] or [""] * len(found)
        tables = [
            f"{one.task}  {one.split}\n{one.table()}\n{line}".rstrip()
            for one, line in zip(found, lines, strict=True)
        ]
        shown = details if options.details == SHOWN else ()
        sys.stdout.write("\n\n".join([*tables, *(one.text() for one in shown)]) + "\n")


def _files_and_tasks(options: EvalOptions) -> tuple[list[str], list[str]]:
    """The files of rows that are named, and the tasks of lm-eval.

    Raises:
        UsageError: a file is not there, or an option is for the others.
        MissingExtraError: tasks are named, and lm-eval is absent.
    """
    files = [name for name in options.benchmarks if Path(name).exists() and not _is_task_file(name)]
    theirs = [name for name in options.benchmarks if name not in files]
    for name in theirs:
        if not _is_task_file(name) and (Path(name).suffix or len(Path(name).parts) > 1):
            raise UsageError(f"--benchmarks {name}: no such file")
    if theirs and options.contamination:
        raise UsageError(
            f"--contamination: looks for the items of files; {theirs[0]} is a task of lm-eval"
        )
    if theirs:
        require_harness(theirs[0])
    elif options.shots is not None:
        raise UsageError("--num-fewshot: only for tasks of lm-eval; a file is asked as it is")
    elif options.trust_benchmark_code:
        raise UsageError("--trust-benchmark-code: only for task files (.yaml) of lm-eval")
    return files, theirs


def _copied(found: Evaluation, trained: Sequence[Trained], options: EvalOptions) -> Found:
    """The items of a file that were trained on."""
    reading: TaskOptions = CausalLMOptions(name="causal_lm")
    if found.task == "multiple_choice":
        reading = MultipleChoiceOptions(name="multiple_choice")  # its columns are the file's
    source: Source = _opened(found.split)
    if options.limit is not None:
        source = FirstRows(source.name, source, options.limit)
    return contamination(trained, source, reading, options.run_tokens, found.units)


def _numbered(found: Sequence[Evaluation], copied: Sequence[Found]) -> list[Detail]:
    """The details of all files, each with a name of its own."""
    return [
        replace(
            detail, name=detail.name if number == 1 else f"{detail.name}_{number}",
            title=f"{detail.title}: {one.split}",
        )
        for number, (one, its) in enumerate(zip(found, copied, strict=False), 1)
        for detail in its.details
    ]  # fmt: skip


def _opened(name: str) -> FileSource:
    """The rows of a file."""
    return open_files(
        name, DataSection(train=name), CausalLMOptions(name="causal_lm"), name=name,
        key="--benchmarks",
    )  # fmt: skip


def _of_file(
    name: str,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    context: int,
    options: EvalOptions,
) -> Evaluation:
    """The numbers of a file of rows."""
    try:
        shape, items = read_items(_opened(name).rows(), options.limit)
        pairs = [(item.context, more) for item in items for more in item.continuations]
        requests = encode_pairs(pairs, tokenizer, context)
    except DataError as error:
        raise DataError(f"--benchmarks {name}: {error}") from error
    with progress_bar(f"scoring {name}") as progress:
        rows = score(
            model, Continuations(), requests, batch_size=options.batch_size, progress=progress
        )
    counts = {"rows": len(items), "predicted": int(sum(rows["count"]))}
    common: dict[str, Any] = {"task": shape, "split": name, "counts": counts}
    if shape == "last_word":
        metrics, intervals = benchmark_scores.last_word(rows, SEED)
        return Evaluation(
            metrics=metrics, intervals=intervals, baselines={},
            definition=benchmark_scores.LAST_WORD, units=benchmark_scores.last_word_units(rows),
            **common,
        )  # fmt: skip
    choices = [[more[1:] for more in item.continuations] for item in items]
    gold = [item.gold for item in items]
    metrics, intervals, baselines = benchmark_scores.choice(rows, choices, gold)
    made = Evaluation(
        metrics=metrics, intervals=intervals, baselines=baselines,
        definition=benchmark_scores.CHOICE,
        units=benchmark_scores.choice_units(rows, choices, gold), **common,
    )  # fmt: skip
    return replace(made, verdict=verdict("accuracy", True, metrics, intervals, baselines))


def _is_task_file(name: str) -> bool:
    return name.endswith(SUFFIXES)
