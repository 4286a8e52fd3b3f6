"""`lmkit eval --contamination`: which documents of a split a run was trained on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from lmkit.commands.subject import Subject, training_data
from lmkit.data.mixture import parts_of
from lmkit.data.ngrams import RunsOfTokens, covered, longest_run
from lmkit.data.sources import Source
from lmkit.data.stream import Stream
from lmkit.data.token_cache import tokenize_corpus
from lmkit.errors import UsageError
from lmkit.evaluation.contamination import Contamination
from lmkit.evaluation.detail import Detail

COPIES = 10
"""Stretches that are told with their texts."""
TASKS = ("causal_lm", "masked_lm")


@dataclass(frozen=True)
class Found:
    """What is told of it."""

    numbers: Contamination
    details: list[Detail]


def contamination(target: str, subject: Subject, size: int, units: Any) -> Found:
    """Look for the runs of `size` tokens of the scored documents in the run's training data.

    The tokens of both come from the token cache, which makes them where they are absent. Memory
    grows with the scored split alone.

    Args:
        target: the run.
        subject: it, opened.
        size: tokens of a run.
        units: what each document adds to each metric, (2, D) by name.

    Raises:
        UsageError: it is no language model, or does not say what it was trained on.
        LmkitError: the training data cannot be read.
    """
    train = check_contamination(target, subject)
    task, tokenizer = subject.task, subject.tokenizer
    column = task.options.text_column
    scored = tokenize_corpus(subject.source, tokenizer, text_column=column)
    runs = runs_in(train, scored, size, tokenizer, column)
    found = runs.found()
    numbers = Contamination(
        size, runs.counts, np.array([int(one.sum()) for one in found]), subject.seed
    )
    copies = []
    for at in np.flatnonzero(numbers.dirty).tolist():
        begin, end = longest_run(covered(found[at], size))
        copies.append((end - begin, at, begin))
        copies = sorted(copies, key=lambda one: (-one[0], one[1]))[:COPIES]
    told = [
        (at, length, text_of(tokenizer, scored, at, begin, length)) for length, at, begin in copies
    ]
    listed = numbers.listed()
    wanted, where = set(listed), {}
    for number, row in enumerate(subject.source.rows()):
        if number in wanted:
            where[number] = row.origin
    return Found(numbers, numbers.details([where[at] for at in listed], told, units))


def check_contamination(target: str, subject: Subject) -> Source:
    """The training data of a run, if it is a language model's.

    Raises:
        UsageError: it is not, or is not known.
    """
    name = subject.task.options.name
    if name not in TASKS:
        raise UsageError(
            f"--contamination: is for language models ({', '.join(TASKS)}); {target} is scored as "
            f"{name}"
        )
    train = subject.train or training_data(target, subject.task.options)
    if train is None:
        raise UsageError(
            f"--contamination: {target} is no run folder, so it does not say what it was trained on"
        )
    return train


def runs_in(
    train: Source, corpus: Any, size: int, tokenizer: PreTrainedTokenizerBase, text_column: str
) -> RunsOfTokens:
    """The runs of `size` tokens of a corpus, looked for in all of the training data."""
    runs = RunsOfTokens(corpus, size)
    for part in _training_parts(train):
        runs.look_through(tokenize_corpus(part, tokenizer, text_column=text_column).tokens)
    return runs


def _training_parts(train: Source) -> tuple[Source, ...]:
    """What is tokenized by itself: parts of a mixture, shards of a stream."""
    if isinstance(train, Stream):
        return tuple(shard for shard in train.shards if not shard.is_empty())
    return parts_of(train)


def text_of(
    tokenizer: PreTrainedTokenizerBase, corpus: Any, at: int, begin: int, length: int
) -> str:
    """The text of some tokens of a document."""
    first = int(corpus.offsets[at]) + begin
    return str(tokenizer.decode(corpus.tokens[first : first + length].tolist()))
