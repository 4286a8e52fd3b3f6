"""Training examples whose texts change from epoch to epoch, while their labels stay."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lmkit.data.augment import Augmenter, Replacement
from lmkit.data.indexed import Indexed
from lmkit.data.rows import Row


class AugmentedExamples:
    """Examples that are encoded anew where the draw of their epoch changes their texts.

    Args:
        plain: as they are; their labels and lengths hold.
        rows: the same in words, (N,).
        columns: the texts of a row.
        augmenter: changes them.
        replacements: of each row and column what a masked model proposed, (N, columns), or None.
        encode: makes inputs of a row.
    """

    def __init__(
        self,
        plain: Indexed,
        rows: Sequence[Row],
        columns: Sequence[str],
        augmenter: Augmenter,
        replacements: Sequence[Sequence[Sequence[Replacement]]] | None,
        encode: Callable[[Row], dict[str, Any]],
    ) -> None:
        assert len(rows) == len(plain), "a row an example"
        self.plain = plain
        self._rows, self._columns = rows, tuple(columns)
        self._augmenter, self._replacements, self._encode = augmenter, replacements, encode

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text as it is, (N,): near enough to put similar ones together."""
        return self.plain.lengths

    def __len__(self) -> int:
        return len(self.plain)

    def __getattr__(self, name: str) -> Any:
        """What the ledger asks of the examples as they are (`cut`)."""
        if name == "plain":  # not there yet: a copy is being made
            raise AttributeError(name)
        return getattr(self.plain, name)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """The example for (epoch, index): a function of both and of the seed."""
        epoch, index = key
        found = self.plain[key]
        drawn = self._augmenter.draw(epoch, index)
        if drawn is None:
            return found
        values, origin = self._rows[index]
        spots: Sequence[Sequence[Replacement]] = [()] * len(self._columns)
        if self._replacements is not None:
            spots = self._replacements[index]
        changed = {
            name: self._augmenter.change(values[name], drawn, of)
            for name, of in zip(self._columns, spots, strict=True)
        }
        return {**found, **self._encode(Row({**values, **changed}, origin))}
