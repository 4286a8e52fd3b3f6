"""A split that was scored, as details are made of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmkit.data.sources import Row, Source
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.slices import Groups, Measure, by_quantile, sliced
from lmkit.tasks.base import Examples, Rows, Task

BY_COLUMN = "by_column_"
"""The beginning of the names of slices by a column."""
WORST = 10
"""Texts that are told of a kind."""


@dataclass(frozen=True)
class Scored:
    """What is known of N rows of a split."""

    task: Task[Any]
    rows: Rows
    """As the task's `reduce` made them."""
    source: Source
    """The split."""
    examples: Examples
    """Its examples as scored."""
    seed: int
    """Of the intervals' draws."""
    columns: Mapping[str, Groups] = field(default_factory=dict)
    """The groups of the split's rows by each column that was asked for."""

    def picked(self, numbers: Iterable[int]) -> dict[int, Row]:
        """The rows with these numbers, from one pass over the split that holds no others."""
        wanted = set(numbers)
        found: dict[int, Row] = {}
        if wanted:
            for number, row in enumerate(self.source.rows()):
                if number in wanted:
                    found[number] = row
                    if len(found) == len(wanted):
                        break
        return found

    def slices(
        self,
        lengths: ArrayLike,
        measures: Sequence[Measure],
        *,
        length: str = "tokens",
        unit: str = "rows",
        places: ArrayLike | None = None,
        further: Mapping[str, Callable[[NDArray[np.int64]], Any]] | None = None,
    ) -> list[Detail]:
        """The measures by quarters of the length, and by each column that was asked for.

        Where all are equally long, there is nothing to tell of the length.

        Args:
            lengths: of the N units.
            measures: of the N units.
            length: what is long.
            unit: what a unit is, in the plural.
            places: the row of the split that each unit is of; left out, unit i is of row i.
            further: see `sliced`.
        """
        asked: list[tuple[str, str, Groups]] = []
        if len(np.unique(lengths)) > 1:
            asked.append(("by_length", f"By length in {length}", by_quantile(lengths)))
        for name, groups in self.columns.items():
            own = groups if places is None else groups.taken(places)
            asked.append((f"{BY_COLUMN}{name}", f"By column `{name}`", own))
        return [
            sliced(name, title, groups, measures, unit=unit, seed=self.seed, further=further)
            for name, title, groups in asked
        ]


def worst(badness: ArrayLike, among: ArrayLike | None = None, count: int = WORST) -> list[int]:
    """The places with the largest values, the largest first; of equal ones the first.

    Rounded to 4 decimals, so that the size of the batches does not decide.

    Args:
        badness: (N,)
        among: which of them count, (N,); left out, all.
        count: how many at most.
    """
    values = np.round(np.asarray(badness, float), 4)
    places = np.arange(len(values)) if among is None else np.flatnonzero(among)
    order = np.argsort(-values[places], kind="stable")[:count]
    found: list[int] = places[order].tolist()
    return found
