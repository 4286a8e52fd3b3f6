"""What kinds of mistakes are made with entities: found with wrong ends, with a wrong type, or not.

Each true entity has one fate, each predicted one that overlaps none is spurious (after Chinchor and
Sundheim 1993, MUC-5 evaluation metrics, and SemEval-2013 task 9). Shape letters: D sentences.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from lmkit.evaluation.detail import Detail
from lmkit.evaluation.tagging import Entity

FATES = ("right", "wrong_type", "wrong_ends", "wrong_both", "missed")
_NO_SPAN = "(no such span)"


def fate(entity: Entity, predicted: Sequence[Entity]) -> str:
    """What became of a true entity.

    `right`: the same type, first and last word. Else `wrong_type`: the same words. Else
    `wrong_ends`: the same type, with a word in common. Else `wrong_both`: a word in common. Else
    `missed`.

    Args:
        entity: it.
        predicted: those of its sentence.
    """
    kind, first, last = entity
    met = [other for other in predicted if other[1] <= last and other[2] >= first]
    if entity in met:
        return "right"
    if any(other[1:] == (first, last) for other in met):
        return "wrong_type"
    if any(other[0] == kind for other in met):
        return "wrong_ends"
    return "wrong_both" if met else "missed"


def spurious(predicted: Sequence[Entity], gold: Sequence[Entity]) -> list[Entity]:
    """Predicted entities without a word in common with a true one."""
    return [
        guess
        for guess in predicted
        if not any(true[1] <= guess[2] and true[2] >= guess[1] for true in gold)
    ]


def entity_errors(
    types: Sequence[str], pairs: Sequence[tuple[Sequence[Entity], Sequence[Entity]]]
) -> list[Detail]:
    """A table of the fates by type, and which type is taken for which.

    Args:
        types: of entities.
        pairs: of each of D sentences its true and its predicted entities.
    """
    fates: dict[str, Counter[str]] = defaultdict(Counter)
    taken: dict[str, Counter[str]] = defaultdict(Counter)
    for gold, predicted in pairs:
        kinds = {guess[1:]: guess[0] for guess in predicted}
        for true in gold:
            fates[true[0]][fate(true, predicted)] += 1
            taken[true[0]][kinds.get(true[1:], _NO_SPAN)] += 1
        for guess in spurious(predicted, gold):
            fates[guess[0]]["spurious"] += 1
    columns = ["gold", *FATES, "spurious"]
    rows: list[list[Any]] = []
    for kind in types:
        found = {**fates[kind], "gold": sum(fates[kind][name] for name in FATES)}
        rows.append([kind, *(found.get(name, 0) for name in columns)])
    rows.append(["(all)", *(sum(row[at] for row in rows) for at in range(1, len(columns) + 1))])
    across = [*types, _NO_SPAN]
    return [
        Detail(
            "entity_errors", "What became of the entities",
            "Each true entity once: right; wrong_type: the same words; wrong_ends: the right type "
            "and a word in common; wrong_both: a word in common; missed: none. spurious: predicted "
            "entities (by their own type) without a word in common with a true one.",
            "table", ["type", *columns], rows,
        ),
        Detail(
            "type_confusion", "Types of the spans that were found",
            "How many true entities of each type (down) were given which type (across), both ends "
            "right.",
            "matrix", ["true", *across],
            [[kind, *(taken[kind][other] for other in across)] for kind in types],
        ),
    ]  # fmt: skip
