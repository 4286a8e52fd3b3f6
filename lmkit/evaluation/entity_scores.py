"""Precision, recall and F1 of entities, from counts of each sentence.

An entity counts as found only if its type, its first and its last word are right (Tjong Kim Sang
and De Meulder 2003, CoNLL-2003, section 2.5, arXiv:cs/0306050). Counts are kept by sentence, so
that an interval redraws numbers and not tags. Shape letters: D sentences, K types.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmkit.evaluation.interval import Floats
from lmkit.evaluation.paired import Units
from lmkit.evaluation.tagging import TagSet

Rows = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class EntityCounts:
    """What was right in each sentence."""

    hits: Floats
    """Entities that are predicted and there, by type, (D, K)."""
    predicted: Floats
    """Entities that are predicted, (D, K)."""
    gold: Floats
    """Entities that are there, (D, K)."""
    correct: Floats
    """Words whose tag is right, (D,)."""
    words: Floats
    """Words, (D,)."""


def count_entities(
    tags: TagSet, predicted: Sequence[Sequence[int]], gold: Sequence[Sequence[int]]
) -> EntityCounts:
    """Compare the tags of D sentences.

    Args:
        tags: the tags and their numbers.
        predicted: of each sentence, a tag a word, in IOB2.
        gold: the same, as they are.
    """
    place = {kind: number for number, kind in enumerate(tags.types)}
    counts = np.zeros((3, len(gold), len(tags.types)))
    words = np.zeros((2, len(gold)))
    for number, (guess, truth) in enumerate(zip(predicted, gold, strict=True)):
        found, there = set(tags.entities(guess)), set(tags.entities(truth))
        for row, entities in zip(counts, (found & there, found, there), strict=True):
            for kind, _, _ in entities:
                row[number, place[kind]] += 1
        pairs = zip(guess, truth, strict=True)
        words[:, number] = sum(mine == theirs for mine, theirs in pairs), len(truth)
    return EntityCounts(*counts, *words)


def entity_metrics(tags: TagSet, counts: EntityCounts) -> dict[str, float]:
    """`precision`, `recall` and `f1` over all entities, `accuracy` over words, `f1_TYPE`.

    All are shares in [0, 1]; 0 where there is nothing to divide by.
    """
    return {
        name: _share(float(above.sum()), float(below.sum()))
        for name, (above, below) in entity_ratios(tags, counts).items()
    }


def sentence_metrics(tags: TagSet, rows: Rows) -> dict[str, float]:
    """The loss in nats a tag and `entity_metrics`, from the rows of windows."""
    sentences = sentence_rows(tags, rows)
    counts = count_entities(tags, sentences["predicted"], sentences["gold"])
    loss = math.fsum(rows["nll"]) / max(sum(rows["count"]), 1)
    return {"loss": loss, **entity_metrics(tags, counts)}


def named_tags(tags: TagSet, rows: Rows) -> tuple[list[list[str]], list[list[str]]]:
    """The predicted and the true tags of each sentence by their names, as seqeval takes them."""
    sentences = sentence_rows(tags, rows)
    told, gold = (
        [[tags.names[tag] for tag in one] for one in sentences[key]]
        for key in ("predicted", "gold")
    )
    return told, gold


def sentence_units(tags: TagSet, rows: Rows) -> Units:
    """What each sentence adds to the loss and to `entity_metrics`, from the rows of windows."""
    sentences = sentence_rows(tags, rows)
    counts = count_entities(tags, sentences["predicted"], sentences["gold"])
    ratios = {name: np.stack(pair) for name, pair in entity_ratios(tags, counts).items()}
    return {"loss": np.asarray([sentences["nll"], sentences["count"]], float), **ratios}


def sentence_rows(tags: TagSet, rows: Rows) -> dict[str, list[Any]]:
    """The rows of windows, joined to those of D sentences.

    Args:
        tags: the tags and their numbers.
        rows: of each window `document`, `nll`, `count`, `predicted` (tags, NO_TOKEN or SHARED) and
            `gold` (tags), those of one document in their order.

    Returns:
        `nll`, `count`, `predicted` and `gold` of each sentence, a tag for every word.
    """
    joined: dict[int, tuple[list[float], list[int], list[int], list[int]]] = {}
    names = ("document", "nll", "count", "predicted", "gold")
    for document, nll, count, predicted, gold in zip(*(rows[n] for n in names), strict=True):
        parts = joined.setdefault(document, ([], [], [], []))
        parts[0].append(nll)
        parts[1].append(count)
        parts[2].extend(predicted)
        parts[3].extend(gold)
    return {
        "nll": [math.fsum(parts[0]) for parts in joined.values()],
        "count": [sum(parts[1]) for parts in joined.values()],
        "predicted": [tags.whole(parts[2]) for parts in joined.values()],
        "gold": [parts[3] for parts in joined.values()],
    }


def entity_ratios(tags: TagSet, counts: EntityCounts) -> dict[str, tuple[Floats, Floats]]:
    """What is divided by what, by metric, each (D,)."""
    hits, predicted, gold = (part.sum(1) for part in (counts.hits, counts.predicted, counts.gold))
    found = {
        "precision": (hits, predicted),
        "recall": (hits, gold),
        "f1": (2 * hits, predicted + gold),
        "accuracy": (counts.correct, counts.words),
    }
    if len(tags.types) > 1:
        for number, kind in enumerate(tags.types):
            met = counts.predicted[:, number] + counts.gold[:, number]
            found[f"f1_{kind}"] = (2 * counts.hits[:, number], met)
    return found


def _share(above: float, below: float) -> float:
    return above / below if below else 0.0
