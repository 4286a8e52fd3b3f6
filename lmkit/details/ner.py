"""Details of entities. Shape letters: D sentences."""

from functools import partial

import numpy as np
from torch import Tensor

from lmkit.data.entities import Sentence, SentenceReader
from lmkit.details.explaining import Answer, Said, rows
from lmkit.details.scored import WORST, Scored, worst
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.entity_errors import entity_errors
from lmkit.evaluation.entity_scores import count_entities, sentence_rows
from lmkit.evaluation.slices import Measure
from lmkit.evaluation.tagging import Entity

MOST = 8
"""Entities of a text that are explained."""


def details(scored: Scored) -> list[Detail]:
    """The kinds of mistakes by type, sentences with the most, and slices of the sentences."""
    tags = scored.task.tags  # type: ignore[attr-defined] # a task for entities has them
    places = np.unique(np.asarray(scored.rows["document"], np.int64))  # (D,)
    found = sentence_rows(tags, scored.rows)
    counts = count_entities(tags, found["predicted"], found["gold"])
    sides = [
        [tags.entities(one) for one in (gold, told)]
        for gold, told in zip(found["gold"], found["predicted"], strict=True)
    ]
    hits, predicted, gold = (part.sum(1) for part in (counts.hits, counts.predicted, counts.gold))
    wrong = predicted + gold - 2 * hits  # (D,)
    return [
        *entity_errors(tags.types, [(true, told) for true, told in sides]),
        _worst(scored, worst(wrong, wrong > 0), places, sides),
        *scored.slices(
            [len(tags) for tags in found["gold"]],
            [
                Measure("f1", 2 * hits, predicted + gold),
                Measure("word_accuracy", counts.correct, counts.words),
            ],
            length="words", unit="sentences", places=places,
        ),
    ]  # fmt: skip


def _worst(
    scored: Scored, chosen: list[int], places: np.ndarray, sides: list[list[list[Entity]]]
) -> Detail:
    """The sentences with the most mistakes, and what differs in them."""
    reader = SentenceReader(scored.task.options, "auto")
    picked = scored.picked(places[chosen].tolist())
    rows = []
    for at in chosen:
        row = picked[int(places[at])]
        sentence = reader.plain(row)
        gold, told = sides[at]
        true, extra = _only(sentence, gold, told), _only(sentence, told, gold)
        rows.append([row.origin, true, extra, sentence.text])
    return Detail(
        "worst_mistakes", "Sentences with the most mistakes",
        f"Up to {WORST} sentences with the most entities that are not found or should not be: "
        "those that are true alone, those that are predicted alone, and the text.",
        "texts", ["where", "true", "predicted", "text"], rows,
    )  # fmt: skip


def _only(sentence: Sentence, entities: list[Entity], others: list[Entity]) -> str:
    """The words and types of the entities that are not among the others."""
    words = [
        f"{sentence.text[sentence.starts[first] : sentence.ends[last]]} ({kind})"
        for kind, first, last in entities
        if (kind, first, last) not in others
    ]
    return "; ".join(words) or "(none)"


questions = rows
"""Texts."""


def answers(said: Said) -> list[Answer]:
    """The first tag of each entity, of at most `MOST`."""
    names = said.model.config.id2label
    tags = said.logits[0].argmax(-1).tolist()  # (T,)
    firsts = [at for at, tag in enumerate(tags) if str(names[tag]).startswith("B-")][:MOST]
    return [
        Answer(f"{names[tags[at]][2:]} at {said.tokens[at]!r}", partial(_tag, at=at, tag=tags[at]))
        for at in firsts
    ]


def _tag(logits: Tensor, at: int, tag: int) -> Tensor:
    """The log-probability of a tag at a place, (B,), by logits (B, T, tags)."""
    return logits[:, at].log_softmax(-1)[:, tag]
