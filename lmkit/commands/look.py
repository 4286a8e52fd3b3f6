"""Look at what a run would be made of, with nothing written: whole from the cache, or a sample."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedModel, set_seed

from lmkit import tasks
from lmkit.commands.rehearse import rehearse
from lmkit.data.cache import reading_only, scratch
from lmkit.data.rows import Row, Source
from lmkit.data.sources import open_splits
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
    """Examples of the whole for one that is in `train`; 1 where that is the whole."""


class _Sample:
    """The first rows of a split, about a megabyte, as a source of its own."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.name = source.name

    def rows(self) -> Iterator[Row]:
        """Rows until the sample is large enough."""
        size = 0
        for row in self.source.rows():
            yield row
            size += _size(row)
            if size >= SAMPLE_BYTES:
                return

    def fingerprint(self) -> str:
        """That of the whole, marked."""
        return f"sample-{self.source.fingerprint()}"

    def describe(self) -> list[dict[str, Any]]:
        """As the whole."""
        return self.source.describe()


@contextmanager
def whole(recipe: Recipe) -> Iterator[Look]:
    """All of the training data, as the cache has it.

    Raises:
        CacheMissError: the cache does not have it.
        LmkitError: whatever is wrong with data, tokenizer or model.
    """
    with reading_only():
        yield _look(recipe, sample=False)


@contextmanager
def sampled(recipe: Recipe) -> Iterator[Look]:
    """About a megabyte of the training text, prepared in a folder that is gone afterwards.

    Raises:
        LmkitError: whatever is wrong with data, tokenizer or model.
    """
    with scratch():
        yield _look(recipe, sample=True)


def _look(recipe: Recipe, *, sample: bool) -> Look:
    set_seed(recipe.train.seed)
    loader = ModelLoader(recipe.model, resize=bool(recipe.tokenizer.add_tokens))
    loader.config()
    train = open_splits(recipe.data, recipe.task).train
    source: Source = _Sample(train) if sample else train
    tokenizer = prepare_tokenizer(recipe, source)
    task = tasks.build(recipe.task)
    task = tasks.build(task.resolve(train))
    model = task.build_model(loader, tokenizer)
    seed = recipe.train.seed
    examples = task.examples(source, tokenizer, seed=seed, training=True)

    def scored() -> Examples:
        return task.examples(source, tokenizer, seed=seed, training=False)

    rehearse(recipe, Processes(), task, model, examples, scored)
    size = sum(map(_size, train.rows()))
    scale = size / max(sum(map(_size, source.rows())), 1) if sample else 1.0
    return Look(task, model, examples, size, scale)


def _size(row: Row) -> int:
    """UTF-8 bytes of the texts of a row."""
    return sum(len(v.encode("utf-8", "replace")) for v in row.values.values() if isinstance(v, str))
