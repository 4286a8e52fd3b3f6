"""What a classifier says of texts and of their twins with other words: what changes, and which way.

Shape letters: N texts, C labels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from lmkit.evaluation.detail import Detail
from lmkit.evaluation.interval import Interval, bootstrap_ratio, wilson

SHOWN = 10
LIMITS = (
    "It shows what these words do on these texts, no more: few texts hold them, a swap can make a "
    "text odd or change what is right about it, and a model may still go by other signs of the "
    "same group."
)

Rows = dict[str, list[Any]]


class Twins:
    """N texts and their twins, as a model of labels, or of a number, tells them."""

    def __init__(
        self, before: Rows, after: Rows, ways: Sequence[int], names: Sequence[str], seed: int
    ) -> None:
        """Compare them.

        Args:
            before: of the texts, as the problem's `reduce` makes them.
            after: of their twins, in the same order.
            ways: 1 where the twin has words of the second kind for those of the first, -1 the other
                way round, 0 both, (N,).
            names: what the outputs are: C labels, or the one number.
            seed: of the intervals' draws.
        """
        self.names, self._seed = list(names), seed
        self.ways = np.asarray(ways)
        self.gold = np.asarray(before["gold"])  # (N,) or (N, C)
        self.before, self.after = (np.asarray(rows["predicted"]) for rows in (before, after))
        self.is_number = "odds" not in before
        if self.is_number:
            values = [side[:, None].astype(float) for side in (self.before, self.after)]
        else:
            values = [expit(np.asarray(rows["odds"], float)) for rows in (before, after)]
        self.shift: NDArray[np.float64] = values[1] - values[0]  # (N, C)

    def metrics(self) -> dict[str, float]:
        """What changes by the swap; see `definition`."""
        found = {"mean_shift": float(self._size().mean())}
        if self.is_number:
            return found
        return {
            **found,
            "changed_share": float(self._changed().mean()),
            "accuracy_gap": float(self._gains().mean()),
        }

    def intervals(self) -> dict[str, Interval]:
        """Wilson's for the share; a paired bootstrap over the texts for the others."""
        found: dict[str, Interval | None] = {"mean_shift": self._mean(self._size())}
        if not self.is_number:
            found["changed_share"] = wilson(float(self._changed().sum()), len(self.gold))
            found["accuracy_gap"] = self._mean(self._gains())
        return {name: ends for name, ends in found.items() if ends is not None}

    def counts(self) -> dict[str, int]:
        """Texts, and those whose words went one way."""
        return {"rows": len(self.gold), "one_way": int((self.ways != 0).sum())}

    def by_kind(self, name: str, kinds: tuple[str, str]) -> Detail:
        """How each output differs between the two kinds of words.

        Args:
            name: of the detail.
            kinds: of words, the first and the second of each pair.
        """
        one_way = self.ways != 0
        toward = self.shift[one_way] * self.ways[one_way, None]  # second less first kind
        rows: list[list[Any]] = []
        for place, output in enumerate(self.names):
            values = toward[:, place]
            if len(values):
                ends = self._mean(values) or (None, None)
                rows.append([output, len(values), float(values.mean()), *ends])
        first, second = kinds
        return Detail(
            name, f"{second} less {first}",
            f"How much higher the model's {'number' if self.is_number else 'probability'} is for "
            f"a text with {second} than for the same text with {first}: the mean over texts whose "
            "words went one way, with its 95 % interval (paired bootstrap over the texts).",
            "table", ["output", "texts", "difference", "low", "high"], rows,
        )  # fmt: skip

    def largest(self) -> list[int]:
        """The texts that change most, the most changed first."""
        found: list[int] = np.argsort(-np.round(self._size(), 4), kind="stable")[:SHOWN].tolist()
        return found

    def texts(self, rows: Sequence[tuple[int, str, str, str]]) -> Detail:
        """The texts that change most.

        Args:
            rows: of each its number, where it stands, the text and its twin.
        """
        return Detail(
            "largest_changes", "Texts that change most",
            f"Up to {SHOWN} texts with the largest change, what the model says of them and of "
            "their twins.",
            "texts", ["where", "change", "before", "after", "text", "twin"],
            [
                [where, float(self._size()[at]), self._told(self.before[at]),
                 self._told(self.after[at]), text, twin]
                for at, where, text, twin in rows
            ],
        )  # fmt: skip

    def definition(self, what: str) -> str:
        """What the numbers mean.

        Args:
            what: is swapped.
        """
        if self.is_number:
            told = "mean_shift: the mean size of the change of the number"
        else:
            told = (
                "changed_share: texts whose label changes; accuracy_gap: the accuracy on the twins "
                "less that on the texts; mean_shift: the mean of the largest change of a label's "
                "probability"
            )
        return f"Of texts that hold {what}, and their twins with these swapped. {told}. {LIMITS}"

    def _size(self) -> NDArray[np.float64]:
        """The largest change of each text, (N,)."""
        found: NDArray[np.float64] = np.abs(self.shift).max(1)
        return found

    def _changed(self) -> NDArray[np.bool_]:
        differs = self.before != self.after
        found: NDArray[np.bool_] = differs.reshape(len(differs), -1).any(1)
        return found

    def _gains(self) -> NDArray[np.float64]:
        """1 where only the twin is told right, -1 where only the text is, (N,)."""
        right = [side == self.gold for side in (self.before, self.after)]
        before, after = (one.reshape(len(one), -1).all(1).astype(float) for one in right)
        gains: NDArray[np.float64] = after - before
        return gains

    def _mean(self, values: NDArray[np.float64]) -> Interval | None:
        return bootstrap_ratio(values, np.ones(len(values)), self._seed)

    def _told(self, predicted: Any) -> str:
        """What was said of a text, in words."""
        if self.is_number:
            return f"{float(predicted):.4f}"
        if np.ndim(predicted):
            given = [name for name, is_so in zip(self.names, predicted, strict=True) if is_so]
            return ", ".join(given) or "(none)"
        return self.names[int(predicted)]
