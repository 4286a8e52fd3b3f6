"""The training examples of a run: those of its source, or of a mixture's parts in their shares."""

import copy
from typing import Any

from transformers import PreTrainedTokenizerBase

from lmkit.commands.augmenting import augmented
from lmkit.data.fingerprint import combined
from lmkit.data.mixed import MixedExamples
from lmkit.data.mixture import Mixture, epoch_sizes
from lmkit.data.rows import Source
from lmkit.data.stream import Stream
from lmkit.data.stream_examples import StreamExamples
from lmkit.data.tokenizer import tokenizer_fingerprint
from lmkit.errors import DataError
from lmkit.recipe.augmenting import AugmentSection
from lmkit.tasks.base import Examples, Task


def training_examples(
    task: Task[Any],
    source: Source,
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
    *,
    shuffle: bool = True,
    augment: AugmentSection | None = None,
) -> Examples:
    """What an epoch of training reads.

    Args:
        task: what is learned.
        source: the training split.
        tokenizer: the model's.
        seed: of the order and of what is drawn.
        shuffle: whether the order is random: a stream brings its own.
        augment: what is changed in the texts, by epoch.

    Raises:
        DataError: a part of a mixture makes no example; and whatever the task finds.
    """
    if isinstance(source, Stream):
        return _streamed(task, source, tokenizer, seed, shuffle=shuffle)

    def made(part: Source, drawn: int) -> Examples:
        examples = task.examples(part, tokenizer, seed=drawn, training=True)
        if augment is None:
            return examples
        return augmented(task, examples, part, tokenizer, augment, drawn)

    if not isinstance(source, Mixture):
        return made(source, seed)
    parts = [made(part, seed + number) for number, part in enumerate(source.parts)]
    for part, examples in zip(source.parts, parts, strict=True):
        if not len(examples):
            raise DataError(f"data.{part.name}: makes no example to train on; leave it out")
    sizes = epoch_sizes(
        source.entries,
        [len(examples) for examples in parts],
        [int(examples.lengths.sum()) for examples in parts],
    )
    return MixedExamples(parts, sizes, seed)


def _streamed(
    task: Task[Any],
    stream: Stream,
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
    *,
    shuffle: bool,
) -> StreamExamples:
    """The examples of a stream: of the blocks of the task, which are all as long but the last."""
    own = copy.deepcopy(tokenizer)  # shards are prepared in the background: no two use one at once
    return StreamExamples(
        stream,
        lambda shard, drawn: task.examples(shard, own, seed=drawn, training=True),
        seed=seed,
        shuffle=shuffle,
        length=int(task.options.block_size),
        identity=combined(
            [stream.fingerprint(), tokenizer_fingerprint(tokenizer), task.options.model_dump()]
        ),
    )
