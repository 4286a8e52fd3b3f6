"""Look at what a run would be made of, with nothing written: whole from the cache, or a sample."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, set_seed

from lmkit import tasks
from lmkit.commands.examples import training_examples
from lmkit.commands.gguf import with_folders
from lmkit.commands.rehearse import rehearse
from lmkit.data.cache import reading_only, scratch
from lmkit.data.limits import token_limit
from lmkit.data.mixed import MixedExamples
from lmkit.data.mixture import Mixture, epoch_sizes, parts_of, text_of
from lmkit.data.rows import Row, Source, texts_in
from lmkit.data.sources import open_splits
from lmkit.data.standard_input import with_standard_input
from lmkit.data.stream import Stream, beginning
from lmkit.data.tokenizer import prepare_tokenizer
from lmkit.models.loading import ModelLoader
from lmkit.recipe.sections import Recipe
from lmkit.tasks.base import Examples, Task
from lmkit.training.processes import Processes

SAMPLE_BYTES = 1_000_000


@dataclass(frozen=True)
class Look:
    """The parts of a run."""

    task: Task[Any]
    model: PreTrainedModel
    train: Examples
    size: int
    """UTF-8 bytes of the whole training text."""
    scale: float
    """Text of the whole for a byte that `train` is made of; 1 where that is the whole."""
    examples: int
    """Examples of an epoch of the whole; reckoned from the sample where `scale` is not 1."""
    tokens: int
    """Tokens of that epoch."""


class _Sample:
    """The first rows of a source, about so many bytes, as a source of its own."""

    def __init__(self, source: Source, size: int) -> None:
        self.source = source
        self.name = source.name
        self.size = size

    def rows(self) -> Iterator[Row]:
        """Rows until the sample is large enough."""
        size = 0
        for row in self.source.rows():
            yield row
            size += _size(row)
            if size >= self.size:
                return

    def fingerprint(self) -> str:
        """That of the whole, marked."""
        return f"sample-{self.source.fingerprint()}"

    def describe(self) -> list[dict[str, Any]]:
        """As the whole."""
        return self.source.describe()


@contextmanager
def piped_aside(recipe: Recipe) -> Iterator[Recipe]:
    """The recipe with a file in the place of standard input, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lmkit-") as folder:
        data = with_standard_input(recipe.data, folder=Path(folder))
        yield recipe.model_copy(update={"data": data})


@contextmanager
def whole(recipe: Recipe) -> Iterator[Look]:
    """All of the training data, as the cache has it.

    Raises:
        CacheMissError: the cache does not have it.
        LmkitError: whatever is wrong with data, tokenizer or model.
    """
    recipe = with_folders(recipe)
    with reading_only():
        yield _look(recipe, sample=False)


@contextmanager
def sampled(recipe: Recipe) -> Iterator[Look]:
    """About a megabyte of the training text, prepared in a folder that is gone afterwards.

    Raises:
        LmkitError: whatever is wrong with data, tokenizer or model.
    """
    recipe = with_folders(recipe)
    with scratch():
        yield _look(recipe, sample=True)


def _look(recipe: Recipe, *, sample: bool) -> Look:
    set_seed(recipe.train.seed)
    loader = ModelLoader(recipe.model, resize=bool(recipe.tokenizer.add_tokens))
    loader.config()
    opened = open_splits(recipe.data, recipe.task).train
    times = opened.scale if isinstance(opened, Stream) else 1.0
    train = beginning(opened)
    source = sample_of(train) if sample else train
    tokenizer = prepare_tokenizer(recipe, source)
    task = tasks.build(recipe.task)
    task = tasks.build(task.resolve(train))
    task.prove_metrics()
    model = task.build_model(loader, tokenizer)
    seed = recipe.train.seed
    examples = training_examples(task, source, tokenizer, seed)

    def scored() -> Examples:
        return task.examples(text_of(source), tokenizer, seed=seed, training=False)

    rehearse(recipe, Processes(), task, model, examples, scored)
    sizes = [sum(map(_size, part.rows())) for part in parts_of(train)]
    taken = [sum(map(_size, part.rows())) for part in parts_of(source)] if sample else sizes
    scales = [times * size / max(part, 1) for size, part in zip(sizes, taken, strict=True)]
    count, tokens = _epoch(train, examples, scales)
    size, scale = round(times * sum(sizes)), times * sum(sizes) / max(sum(taken), 1)
    return Look(task, model, examples, size, scale, count, tokens)


def sample_of(train: Source) -> Source:
    """About a megabyte, of a mixture as much of each part."""
    if isinstance(train, Mixture):
        size = SAMPLE_BYTES // len(train.parts)
        return train.with_parts(lambda part: _Sample(part, size))
    return _Sample(train, SAMPLE_BYTES)


def _epoch(train: Source, examples: Examples, scales: Sequence[float]) -> tuple[int, int]:
    """Examples and tokens of an epoch of the whole.

    Args:
        train: the whole.
        examples: those of a sample of it, or of the whole.
        scales: how many times as large as in the sample each part is.
    """
    parts = examples.parts if isinstance(examples, MixedExamples) else [examples]
    counts, tokens = [], []
    for source, part, scale in zip(parts_of(train), parts, scales, strict=True):
        total = int(part.lengths.sum()) * scale
        read = min(total, token_limit(source) or total)
        counts.append(max(1, round(len(part) * scale * read / max(total, 1))))
        tokens.append(max(1, round(read)))
    if not isinstance(train, Mixture):
        return counts[0], tokens[0]
    used = epoch_sizes(train.entries, counts, tokens)
    amounts = zip(used, counts, tokens, strict=True)
    return sum(used), round(sum(size * total / count for size, count, total in amounts))


def _size(row: Row) -> int:
    """UTF-8 bytes of the texts of a row."""
    return sum(len(text.encode("utf-8", "replace")) for text in texts_in(row.values))
