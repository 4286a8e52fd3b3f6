"""How much of what is scored was trained on: numbers, documents, and the loss of the others.

Shape letters: D documents.
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
"""Documents that are listed."""


@dataclass(frozen=True)
class Contamination:
    """Which runs of tokens of D documents occur in the training data."""

    size: int
    """Tokens of a run."""
    runs: NDArray[np.int64]
    """Of each document, (D,)."""
    found: NDArray[np.int64]
    """Those of them that were trained on, (D,)."""
    seed: int

    @property
    def dirty(self) -> NDArray[np.bool_]:
        """Which documents hold any, (D,)."""
        return self.found > 0

    def as_json(self) -> dict[str, Any]:
        """The numbers, for `lmkit eval --json`."""
        total, met = int(self.runs.sum()), int(self.found.sum())
        long = int((self.runs > 0).sum())
        ends = bootstrap_ratio(self.found, self.runs, self.seed)
        return {
            "tokens_of_a_run": self.size, "runs": total, "found": met,
            "share": met / total if total else None,
            "interval": None if ends is None else list(ends),
            "documents": len(self.runs), "too_short": len(self.runs) - long,
            "dirty_documents": int(self.dirty.sum()),
            "dirty_interval": list(wilson(int(self.dirty.sum()), long)) if long else None,
            "definition": self.definition(),
        }  # fmt: skip

    def definition(self) -> str:
        """What is counted, and what it cannot show."""
        return (
            f"Runs of {self.size} tokens within a document that occur in the same order in the "
            "tokens of the training data (after Brown et al. 2020, appendix C, arXiv:2005.14165, "
            "which takes words). Short common phrases and boilerplate are found too; a copy with "
            "other words, spaces or case is not, nor what an earlier training of the model saw."
        )

    def line(self) -> str:
        """For people."""
        told = self.as_json()
        if told["share"] is None:
            return f"contamination: no document has {self.size} tokens"
        ends = told["interval"]
        sure = f" (95 %: {ends[0]:.2%} to {ends[1]:.2%})" if ends else ""
        short = f"; {told['too_short']} are too short" if told["too_short"] else ""
        return (
            f"contamination: {told['share']:.2%}{sure} of {told['runs']:,} runs of {self.size} "
            f"tokens were trained on, in {told['dirty_documents']:,} of {told['documents']:,} "
            f"documents{short}"
        )

    def details(
        self,
        places: Sequence[str],
        copies: Sequence[tuple[int, int, str]],
        units: Mapping[str, Any],
    ) -> list[Detail]:
        """The documents, the longest copies, and how good the model is on the others.

        Args:
            places: where the documents stand, for those of `listed`.
            copies: number, tokens and text of each copied stretch that is told.
            units: what each document adds to each metric, (2, D) by name.
        """
        listed = self.listed()
        where = dict(zip(listed, places, strict=True))
        rows = [
            [place, int(self.runs[at]), int(self.found[at]), self.found[at] / self.runs[at]]
            for at, place in where.items()
        ]
        groups = Groups(["clean", "contaminated"], self.dirty.astype(np.int64))
        measures = [Measure(name, *values) for name, values in units.items()]
        found = [
            Detail(
                "contamination", "Documents that were trained on",
                f"{self.definition()} Of each document its runs, those that were found, and their "
                f"share: the {MOST:,} with the largest.",
                "table", ["where", "runs", "found", "share"], rows,
            ),
            Detail(
                "copies", "The longest copies",
                "The longest stretches of documents in which each token lies in a run that was "
                "trained on.",
                "texts", ["where", "tokens", "text"],
                [[where[at], tokens, text] for at, tokens, text in copies],
            ),
        ]  # fmt: skip
        if measures and 0 < int(self.dirty.sum()) < len(self.dirty):
            found.append(
                sliced(
                    "by_contamination", "Clean and contaminated documents", groups, measures,
                    unit="documents", seed=self.seed,
                )
            )  # fmt: skip
        return found

    def listed(self) -> list[int]:
        """The documents that are told of, those with the largest shares first."""
        share = self.found / np.maximum(self.runs, 1)
        order = np.argsort(-share, kind="stable")[:MOST]
        found: list[int] = order[self.dirty[order]].tolist()
        return found
