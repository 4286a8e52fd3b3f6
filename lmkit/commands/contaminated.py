"""`lmkit eval --contamination`: which rows, of a split or of a benchmark, a run was trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from lmkit.commands.subject import recipe_of, training_data
from lmkit.data.mixture import parts_of
from lmkit.data.ngrams import RunsOfTokens, covered, longest_run
from lmkit.data.row_texts import documents_of, texts_of
from lmkit.data.sources import Source
from lmkit.data.stream import Stream
from lmkit.data.text_columns import TextColumns
from lmkit.data.token_cache import tokenize_corpus
from lmkit.data.tokenizer import load_tokenizer
from lmkit.errors import UsageError
from lmkit.evaluation.contamination import SIZE, Contamination
from lmkit.evaluation.detail import Detail
from lmkit.recipe.base import TaskOptions
from lmkit.run_folder import model_folder

COPIES = 10
"""Stretches that are told with their texts."""


@dataclass(frozen=True)
class Trained:
    """What a run was trained on, and the tokens that it was read in."""

    source: Source
    options: TaskOptions
    """Of the run's task: where the texts of a row stand."""
    tokenizer: PreTrainedTokenizerBase
    seed: int
    by: str | None = None
    """The run, where it is not the one that is scored."""


@dataclass(frozen=True)
class Found:
    """What is told of it, for each training that was looked through."""

    numbers: Sequence[Contamination]
    details: list[Detail]

    def as_json(self) -> dict[str, Any]:
        """The numbers by their keys in the object of `lmkit eval`."""
        keys = ("contamination" if one.by is None else "pretraining" for one in self.numbers)
        return {key: one.as_json() for key, one in zip(keys, self.numbers, strict=True)}

    def lines(self) -> str:
        """For people."""
        return "\n".join(one.line() for one in self.numbers)


def trained_by(run: str, by: str | None = None) -> Trained | None:
    """What a run was trained on; None where the target is no run.

    Args:
        run: a run folder, or one that lies in it.
        by: as in `Trained`.

    Raises:
        LmkitError: the data is not as the recipe says, or the tokenizer is not there.
    """
    recipe = recipe_of(run)
    source = training_data(run)
    if recipe is None or source is None:
        return None
    return Trained(source, recipe.task, load_tokenizer(model_folder(run)), recipe.train.seed, by)


def trainings(target: str, pretraining: str | None) -> list[Trained]:
    """The training data to look through: that of the target, and of the run that came before it.

    Args:
        target: what is scored; only with `pretraining` it need not be a run.
        pretraining: the other run.

    Raises:
        UsageError: a run is needed, and something else is named.
        LmkitError: as `trained_by`.
    """
    own = trained_by(target)
    if pretraining is None:
        if own is None:
            raise UsageError(
                f"--contamination: {target} is no run folder, so it does not say what it was "
                "trained on; name the run that made it with --pretraining RUN"
            )
        return [own]
    earlier = trained_by(pretraining, pretraining)
    if earlier is None:
        raise UsageError(
            f"--pretraining {pretraining}: is no run folder, so it does not say what it was "
            "trained on"
        )
    return [earlier] if own is None else [own, earlier]


def contamination(
    trained: Sequence[Trained],
    source: Source,
    options: TaskOptions,
    size: int | None,
    units: Mapping[str, Any],
) -> Found:
    """Look for the runs of `size` tokens of the scored rows in training data.

    The tokens of both come from the token cache, which makes them where they are absent. Memory
    grows with the scored rows alone.

    Args:
        trained: each looked through by itself, in its own tokens.
        source: the N rows that are scored.
        options: of the task that they are read for.
        size: tokens of a run; None: 13.
        units: what each scored unit adds to each metric; those that are of N are told.

    Raises:
        LmkitError: data cannot be read.
    """
    places = [row.origin for row in source.rows()]  # (N,)
    columns = TextColumns.of(options)
    texts = [len(texts_of(row, columns)) for row in source.rows()]
    owners = np.repeat(np.arange(len(places)), texts)  # (D,) the row of each text
    of_rows = {
        name: values for name, values in units.items() if np.shape(values) == (2, len(places))
    }
    numbers, details = [], []
    for one in trained:
        told, more = _look_for(one, source, options, size or SIZE, owners, len(places))
        numbers.append(told)
        details += told.details(dict(enumerate(places)), more, of_rows)
    return Found(numbers, details)


def _look_for(
    trained: Trained, source: Source, options: TaskOptions, size: int, owners: Any, rows: int
) -> tuple[Contamination, list[tuple[int, int, str]]]:
    """The numbers, and of the longest copies row, tokens and text."""
    documents, name = documents_of(source, options)
    corpus = tokenize_corpus(documents, trained.tokenizer, text_column=name)
    runs = runs_in(trained, corpus, size)
    found = runs.found()
    met = np.array([int(one.sum()) for one in found])  # (D,)
    counts, told_of = (
        np.bincount(owners, weights=values, minlength=rows).astype(np.int64)
        for values in (runs.counts, met)
    )
    copies = []
    for at in np.flatnonzero(met).tolist():
        begin, end = longest_run(covered(found[at], size))
        copies.append((end - begin, at, begin))
        copies = sorted(copies, key=lambda one: (-one[0], one[1]))[:COPIES]
    told = [
        (int(owners[at]), length, text_of(trained.tokenizer, corpus, at, begin, length))
        for length, at, begin in copies
    ]
    return Contamination(size, counts, told_of, trained.seed, trained.by), told


def runs_in(trained: Trained, corpus: Any, size: int) -> RunsOfTokens:
    """The runs of `size` tokens of a corpus, looked for in all of the training data."""
    runs = RunsOfTokens(corpus, size)
    for part in _training_parts(trained.source):
        documents, name = documents_of(part, trained.options)
        tokens = tokenize_corpus(documents, trained.tokenizer, text_column=name).tokens
        runs.look_through(tokens)
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
