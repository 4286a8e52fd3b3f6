"""The training examples of a run: those of its source, or of a mixture's parts in their shares."""

from typing import Any

from transformers import PreTrainedTokenizerBase

from lmkit.data.mixed import MixedExamples
from lmkit.data.mixture import Mixture, epoch_sizes
from lmkit.data.rows import Source
from lmkit.errors import DataError
from lmkit.tasks.base import Examples, Task


def training_examples(
    task: Task[Any], source: Source, tokenizer: PreTrainedTokenizerBase, seed: int
) -> Examples:
    """What an epoch of training reads.

    Raises:
        DataError: a part of a mixture makes no example; and whatever the task finds.
    """
    if not isinstance(source, Mixture):
        return task.examples(source, tokenizer, seed=seed, training=True)
    parts = [
        task.examples(part, tokenizer, seed=seed + number, training=True)
        for number, part in enumerate(source.parts)
    ]
    for part, examples in zip(source.parts, parts, strict=True):
        if not len(examples):
            raise DataError(f"data.{part.name}: makes no example to train on; leave it out")
    sizes = epoch_sizes(
        source.entries,
        [len(examples) for examples in parts],
        [int(examples.lengths.sum()) for examples in parts],
    )
    return MixedExamples(parts, sizes, seed)
