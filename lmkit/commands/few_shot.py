"""Examples for a prompt: texts with their labels from a file, as many of each label as can be."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lmkit.data.file_source import FileSource
from lmkit.data.files import find_files
from lmkit.data.rows import column, label
from lmkit.data.text import Reading
from lmkit.errors import DataError, UsageError
from lmkit.recipe.nearest import did_you_mean

TEXT, LABEL = "text", "label"
"""The columns of the file."""


@dataclass(frozen=True)
class FewShot:
    """Which examples to show."""

    file: str
    """A file with the columns `text` and `label`."""
    shots: int | None = None
    """How many to draw; left out, all of them, in their order."""
    seed: int = 0
    """Of the draw."""


class Example(NamedTuple):
    """A text that was answered."""

    text: str
    label: str


def read_examples(asked: FewShot, labels: Sequence[str]) -> tuple[list[Example], tuple[str, ...]]:
    """The examples in the order in which they are shown, and the labels.

    Args:
        asked: which ones.
        labels: those that may be given; none: those of the examples, sorted.

    Raises:
        DataError: a row lacks text or label, or has a label that may not be given.
        UsageError: fewer examples than asked for, or all of one label.
    """
    source = FileSource(
        "examples", find_files(asked.file, "--examples"), Reading("line", "strict", TEXT)
    )
    found = []
    for row in source.rows():
        name = label(row, LABEL)
        if labels and name not in labels:
            raise DataError(
                f"{row.origin}: the label `{name}` is not among --labels ({', '.join(labels)})"
                f"{did_you_mean(name, labels)}"
            )
        found.append(Example(column(row, TEXT), name))
    names = tuple(labels) or tuple(sorted({example.label for example in found}))
    if len(names) < 2:
        raise UsageError(
            f"--examples {asked.file}: every example has the label `{names[0]}`; name the others "
            "with --labels"
        )
    return (found if asked.shots is None else draw(found, asked)), names


def draw(examples: Sequence[Example], asked: FewShot) -> list[Example]:
    """`asked.shots` of the examples, the labels in turn, all mixed; the same for the same seed.

    Raises:
        UsageError: there are fewer.
    """
    assert asked.shots is not None
    if asked.shots > len(examples):
        raise UsageError(f"--shots {asked.shots}: {asked.file} holds only {len(examples)} examples")
    chance = random.Random(asked.seed)
    names = sorted({example.label for example in examples})
    chance.shuffle(names)
    piles = []
    for name in names:
        pile = [example for example in examples if example.label == name]
        chance.shuffle(pile)
        piles.append(pile)
    drawn: list[Example] = []
    while len(drawn) < asked.shots:
        drawn += [pile.pop() for pile in piles if pile][: asked.shots - len(drawn)]
    chance.shuffle(drawn)
    return drawn
