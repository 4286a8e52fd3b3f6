"""Metrics of the `evaluate` library over the answers of a split, with 95 % intervals.

lmkit's own metrics need neither a network nor another's code, and keep their names. Shape letters:
N answers (rows, sentences, questions), R resamples.
"""

import logging
import math
import time
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from lmkit.errors import UsageError
from lmkit.evaluation.outside_code import MetricCode
from lmkit.evaluation.paired import Units
from lmkit.evaluation.redrawn import FEWEST, draws
from lmkit.recipe.outside_metrics import OutsideMetric

logger = logging.getLogger(__name__)

TRIED_TEXTS = (["a text", "another one"], [["a text"], ["one text"]])
"""Answers that metrics of texts are tried on, and the right ones."""
SECONDS = 10.0
"""That the resamples of one metric may take: what is slow gets fewer of them, or no interval."""

Answers = Sequence[Any]


class OutsideMetrics:
    """Some of them, each opened when it is first needed."""

    def __init__(self, metrics: Sequence[OutsideMetric]) -> None:
        """Take their names and arguments; the caller has seen to it that their code may be run."""
        self.codes = [MetricCode(metric) for metric in metrics]
        self._spread = [""] * len(self.codes)  # what is told of the interval of each
        self._proved = False

    def prove(self, predictions: Answers, references: Answers) -> None:
        """Open them and try each on a few answers, before a run that would end with it.

        Raises:
            UsageError: one cannot be had or opened, or does not take such answers or arguments.
        """
        for code in () if self._proved else self.codes:
            code.prove(predictions, references)
        self._proved = True

    def numbers(
        self, predictions: Answers, references: Answers, own: Collection[str]
    ) -> dict[str, float]:
        """Their numbers over N answers; a metric that fails on them is told and left out.

        Args:
            predictions: (N,) class ids, numbers, texts or lists.
            references: the true ones, (N,); of texts a list of those that are right.
            own: the names of lmkit's metrics; a number of another with such a name gets the
                metric's name before it.
        """
        found: dict[str, float] = {}
        for code in self.codes if references else ():
            try:
                made = code.measured(predictions, references)
            except UsageError as error:
                logger.warning("%s; it is left out", error)
                continue
            names = _names(code, made, {*own, *found})
            found |= {names[key]: value for key, value in made.items()}
        return found

    def units(self, predictions: Answers, references: Answers, own: Collection[str]) -> Units:
        """For intervals and paired comparisons: each number, and those of draws of the answers.

        A metric gets as many draws as take 10 seconds, at most 1,000; where that is fewer than 100,
        and where it fails on more of them, there are none of it.

        Args:
            predictions: as of `numbers`.
            references: as of `numbers`.
            own: as of `numbers`.

        Returns:
            By name (1 + R,): NaN where it failed.
        """
        found: Units = {}
        taken: set[str] = set(own)
        for place, code in enumerate(self.codes if len(references) > 1 else ()):
            try:
                whole = code.measured(predictions, references)
            except UsageError:
                continue  # `numbers` has told it
            names = _names(code, whole, taken)
            taken |= {*names.values()}
            drawn, self._spread[place] = _redrawn(code, predictions, references)
            for key, name in names.items():
                values = np.asarray([one.get(key, math.nan) for one in (whole, *drawn)])
                if np.isfinite(values[1:]).sum() >= FEWEST:
                    found[name] = values
        return found

    def definition(self) -> str:
        """What to say of them beside the others."""
        if not self.codes:
            return ""
        told = (
            f"{code.metric.label} ({how or 'no interval'})"
            for code, how in zip(self.codes, self._spread, strict=True)
        )
        return f" Others by the code of {', '.join(told)}."


def _redrawn(
    code: MetricCode, predictions: Answers, references: Answers
) -> tuple[list[dict[str, float]], str]:
    """The numbers of draws of the answers, as many as the time allows, and what to say of that."""
    found: list[dict[str, float]] = []
    failed = 0
    began = time.perf_counter()
    for rows in draws(len(references)):
        try:
            found.append(code.measured(*_chosen(rows.tolist(), predictions, references)))
        except UsageError:
            found.append({})
            failed += 1
        spent = time.perf_counter() - began
        if spent > SECONDS or (len(found) == 1 and spent * FEWEST > 2 * SECONDS):
            break
    if len(found) < FEWEST:
        return [], (
            f"no interval: {FEWEST} resamples would take more than {SECONDS:g} s, at "
            f"{spent / len(found):.2g} s each"
        )
    if len(found) - failed < FEWEST:
        return [], f"no interval: it fails on {failed} of {len(found)} resamples"
    fewer = f", of which it fails on {failed}" if failed else ""
    return found, f"interval by {len(found):,} resamples{fewer}"


def _chosen(rows: list[int], predictions: Answers, references: Answers) -> tuple[Answers, Answers]:
    """The answers of these rows; what has an `id` gets one that no other row has."""
    return tuple(  # type: ignore[return-value] # two of them
        [
            {**one, "id": str(place)} if isinstance(one, dict) and "id" in one else one
            for place, one in enumerate(answers[row] for row in rows)
        ]
        for answers in (predictions, references)
    )


def _names(code: MetricCode, keys: Collection[str], taken: Collection[str]) -> dict[str, str]:
    """What its numbers are called: as it does, after its own name where another is called so."""
    found: dict[str, str] = {}
    for key in keys:
        name = key
        while name in taken or name in found.values():
            name = f"{code.stem}_{name}"
        found[key] = name
    return found
