"""What becomes of the training data: told at the start of a run and kept in its manifest."""

from collections.abc import Mapping
from typing import Any

from lmkit.commands.resolve import batch_shape
from lmkit.data.encoded_groups import EncodedGroups
from lmkit.data.limits import token_limit
from lmkit.data.mixed import MixedExamples
from lmkit.data.mixture import Mixture
from lmkit.data.rows import Source
from lmkit.data.stream import Stream
from lmkit.recipe.sections import Recipe
from lmkit.tasks.base import Examples, Task
from lmkit.training.batches import Order
from lmkit.training.padding import padding_share


def reckon_ledger(
    recipe: Recipe, task: Task[Any], source: Source, train: Examples, world_size: int
) -> dict[str, Any]:
    """What the data gives (`count_data`), and `padding`: the share of places in training batches.

    Of a stream only the `shards`: nothing else is known before they are read.

    Args:
        recipe: resolved.
        task: what is learned.
        source: the training split.
        train: its examples.
        world_size: processes.
    """
    if isinstance(source, Stream):
        return {"shards": len(source.shards)}
    order = Order(
        train, batch_shape(recipe, len(train), world_size), seed=recipe.train.order_seed,
        strategy=recipe.train.train_sampling_strategy,
    )  # fmt: skip
    padded = train.padded if isinstance(train, EncodedGroups) else None
    share = padding_share(train.lengths, order, task.batch_length, padded)
    return count_data(task, source, train) | {"padding": share}


def count_data(task: Task[Any], source: Source, examples: Examples) -> dict[str, Any]:
    """What the task counts of its examples.

    Returns:
        For a mixture the sums over its parts, the examples of an epoch, and under `parts` for each:
        what the task counts of it, `share` of the tokens of the first epoch, `passes` an epoch
        makes over it, and the `weight` or `repeat` it was given.
    """
    if not isinstance(examples, MixedExamples):
        return task.ledger(examples) | _limited(source)
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


def ledger_lines(ledger: Mapping[str, Any]) -> list[str]:
    """The ledger for people: a line for each part of a mixture, and one for the whole.

    Shares stand beside what is cut: of the documents, or of the texts of a task of rows.
    """
    lines = []
    for part in ledger.get("parts", ()):
        asked = f"{part['asked']:.2%} asked" if "asked" in part else f"repeat {part['repeat']}"
        lines.append(
            f"{part['name']}: {part['source']}: {part['share']:.2%} of the tokens of an epoch "
            f"({asked}), in {part['passes']:.4g} passes over {part['tokens']:,} tokens"
        )
    told = []
    for what, count in ledger.items():
        if what == "padding":
            told.append(f"{_percent(count)} of the places in a batch are padding")
        elif what == "cut":
            names = ("documents", "texts", "examples")
            all_of_them = next((ledger[name] for name in names if name in ledger), 0)
            told.append(f"{count:,} of them cut ({_percent(count / max(all_of_them, 1))})")
        elif what != "parts":
            told.append(f"{count:,} {what}")
    return [*lines, f"train: {', '.join(told)}"]


def _limited(source: Source) -> dict[str, int]:
    limit = token_limit(source)
    return {} if limit is None else {"max_tokens": limit}


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
