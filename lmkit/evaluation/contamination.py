"""How much of what is scored was trained on: numbers, rows, and what it does to the metrics.

Shape letters: N rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmkit.evaluation.detail import Detail
from lmkit.evaluation.interval import bootstrap_ratio, wilson
from lmkit.evaluation.slices import Groups, Measure, sliced

SIZE = 13
"""Tokens of a run that is looked for, as Brown et al. 2020 (GPT-3, appendix C) take words."""
MOST = 1000
"""Rows that are listed."""


@dataclass(frozen=True)
class Contamination:
    """Which runs of tokens of N rows occur in training data."""

    size: int
    """Tokens of a run."""
    runs: NDArray[np.int64]
    """Of the texts of each row, (N,)."""
    found: NDArray[np.int64]
    """Those of them that were trained on, (N,)."""
    seed: int
    by: str | None = None
    """The run whose training data it is; None: the one that is scored."""

    @property
    def dirty(self) -> NDArray[np.bool_]:
        """Which rows hold any, (N,)."""
        return self.found > 0

    def as_json(self) -> dict[str, Any]:
        """The numbers, for `lmkit eval --json`."""
        total, met = int(self.runs.sum()), int(self.found.sum())
        long = int((self.runs > 0).sum())
        ends = bootstrap_ratio(self.found, self.runs, self.seed)
        return {
            **({} if self.by is None else {"trained": self.by}),
            "tokens_of_a_run": self.size, "runs": total, "found": met,
            "share": met / total if total else None,
            "interval": None if ends is None else list(ends),
            "rows": len(self.runs), "too_short": len(self.runs) - long,
            "dirty_rows": int(self.dirty.sum()),
            "dirty_interval": list(wilson(int(self.dirty.sum()), long)) if long else None,
            "definition": self.definition(),
        }  # fmt: skip

    def definition(self) -> str:
        """What is counted, and what it cannot show."""
        return (
            f"Runs of {self.size} tokens within a text of a row that occur in the same order in "
            "the tokens of the training data (after Brown et al. 2020, appendix C, "
            "arXiv:2005.14165, which takes words). Short common phrases and boilerplate are found "
            "too; a copy with other words, spaces or case is not, nor what another training of the "
            "model saw. That a text was seen does not say that its answer was."
        )

    def line(self) -> str:
        """For people."""
        told = self.as_json()
        head = "contamination" if self.by is None else f"contamination by {self.by}"
        if told["share"] is None:
            return f"{head}: no row has a text of {self.size} tokens"
        ends = told["interval"]
        sure = f" (95 %: {ends[0]:.2%} to {ends[1]:.2%})" if ends else ""
        short = f"; {told['too_short']} are too short" if told["too_short"] else ""
        return (
            f"{head}: {told['share']:.2%}{sure} of {told['runs']:,} runs of {self.size} "
            f"tokens were trained on, in {told['dirty_rows']:,} of {told['rows']:,} rows{short}"
        )

    def details(
        self,
        places: Mapping[int, str],
        copies: Sequence[tuple[int, int, str]],
        units: Mapping[str, Any],
    ) -> list[Detail]:
        """The rows, the longest copies, and how good the model is on the others.

        Args:
            places: where rows stand, at least those of `listed` and of the copies.
            copies: row, tokens and text of each copied stretch that is told.
            units: what each row adds to each metric, (2, N) by name.
        """
        head, whose = ("", "") if self.by is None else ("pretraining_", f" by {self.by}")
        rows = [
            [places[at], int(self.runs[at]), int(self.found[at]), self.found[at] / self.runs[at]]
            for at in self.listed()
        ]
        groups = Groups(["clean", "contaminated"], self.dirty.astype(np.int64))
        measures = [Measure(name, *values) for name, values in units.items()]
        found = [
            Detail(
                f"{head}contamination", f"Rows that were trained on{whose}",
                f"{self.definition()} Of each row its runs, those that were found, and their "
                f"share: the {MOST:,} with the largest.",
                "table", ["where", "runs", "found", "share"], rows,
            ),
            Detail(
                f"{head}copies", f"The longest copies{whose}",
                "The longest stretches of texts in which each token lies in a run that was "
                "trained on.",
                "texts", ["where", "tokens", "text"],
                [[places[at], tokens, text] for at, tokens, text in copies],
            ),
        ]  # fmt: skip
        if measures and 0 < int(self.dirty.sum()) < len(self.dirty):
            found.append(
                sliced(
                    f"{head}by_contamination", f"Clean and contaminated rows{whose}", groups,
                    measures, unit="rows", seed=self.seed,
                )
            )  # fmt: skip
        return found

    def listed(self) -> list[int]:
        """The rows that are told of, those with the largest shares first."""
        share = self.found / np.maximum(self.runs, 1)
        order = np.argsort(-share, kind="stable")[:MOST]
        found: list[int] = order[self.dirty[order]].tolist()
        return found
