"""The training examples of a run: those of its source, or of a mixture's parts in their shares."""

import logging
from typing import Any

from transformers import PreTrainedTokenizerBase

from lmkit.data.limits import token_limit
from lmkit.data.mixed import MixedExamples
from lmkit.data.mixture import Mixture, epoch_sizes
from lmkit.data.rows import Source
from lmkit.errors import DataError
from lmkit.tasks.base import Examples, Task

logger = logging.getLogger(__name__)


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


def ledger(task: Task[Any], source: Source, examples: Examples) -> dict[str, Any]:
    """What became of the training data, for the manifest.

    Returns:
        What the task counts. For a mixture the sums over its parts, the examples of an epoch, and
        under `parts` for each: what the task counts of it, `share` of the tokens of the first
        epoch, `passes` an epoch makes over it, and the `weight` or `repeat` it was given.
    """
    if not isinstance(examples, MixedExamples):
        counts: dict[str, Any] = dict(task.ledger(examples))
        return counts | _limited(source)
    assert isinstance(source, Mixture)
    tokens = examples.tokens(0)
    asked = sum(entry.weight or 0.0 for entry in source.entries)
    parts: list[dict[str, Any]] = []
    for number, (entry, passes) in enumerate(zip(source.entries, examples.passes, strict=True)):
        given: dict[str, Any] = {"repeat": entry.repeat or 1}
        if entry.weight is not None:
            given = {"weight": entry.weight, "asked": entry.weight / asked}
        parts.append(
            {
                "name": source.parts[number].name,
                "source": entry.label(),
                **task.ledger(examples.parts[number]),
                **_limited(source.parts[number]),
                **given,
                "share": tokens[number] / sum(tokens),
                "passes": passes.used / passes.examples,
            }
        )
    counted = task.ledger(examples.parts[0])
    sums = {key: sum(int(part[key]) for part in parts) for key in counted}
    return sums | {"examples": len(examples), "parts": parts}


def tell(found: dict[str, Any]) -> None:
    """Log a ledger: a line for the split, and one for each part of a mixture."""
    for part in found.get("parts", ()):
        asked = f"{part['asked']:.2%} asked" if "asked" in part else f"repeat {part['repeat']}"
        logger.info(
            f"{part['name']}: {part['source']}: {part['share']:.2%} of the tokens of an epoch "
            f"({asked}), in {part['passes']:.4g} passes over {part['tokens']:,} tokens"
        )
    counts = ", ".join(
        f"{count:,} {name}" for name, count in found.items() if isinstance(count, int)
    )
    logger.info(f"train: {counts}")


def _limited(source: Source) -> dict[str, int]:
    limit = token_limit(source)
    return {} if limit is None else {"max_tokens": limit}
