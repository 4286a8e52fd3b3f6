"""What the labels of a classification set tell without any model."""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from lmkit.recipe.nearest import did_you_mean

FEW = 10
"""Training rows of a class below which it can hardly be learned."""
LOPSIDED = 0.8
"""The share of one label from which on accuracy says little."""


class LabelTrouble(NamedTuple):
    """Labels of one split that want a look."""

    kind: str
    labels: tuple[str, ...]
    message: str


def alike(counts: Mapping[str, int]) -> list[LabelTrouble]:
    """Labels that differ only by case or white space; the commonest writing of each is first."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in counts:
        groups[" ".join(name.split()).casefold()].append(name)
    found = []
    for names in groups.values():
        if len(names) > 1:
            names.sort(key=lambda name: (-counts[name], name))
            listed = ", ".join(f"{name!r} ({counts[name]:,})" for name in names)
            told = f"have a label that another differs from only by case or space: {listed}"
            found.append(LabelTrouble("similar_labels", tuple(names[1:]), told))
    return found


def unknown(counts: Mapping[str, int], train: Mapping[str, int]) -> LabelTrouble | None:
    """Labels of a split that the training data lack."""
    names = sorted(set(counts) - set(train))
    if not names:
        return None
    listed = ", ".join(f"{name!r}{did_you_mean(name, list(train))}" for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    told = f"have a label that the training data lack: {listed}{more}"
    return LabelTrouble("unknown_label", tuple(names), told)


def rare(counts: Mapping[str, int], few: int = FEW) -> LabelTrouble | None:
    """Classes with fewer than `few` training rows."""
    names = sorted((n for n in counts if counts[n] < few), key=lambda name: (counts[name], name))
    if not names:
        return None
    listed = ", ".join(f"{name!r} ({counts[name]})" for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    told = f"belong to classes with fewer than {few} rows: {listed}{more}"
    return LabelTrouble("rare_label", tuple(names), told)
