"""What cleaning did to a split, in numbers that add up."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class CleaningLedger:
    """Counts of documents; each that was left out is counted at the first filter that did it."""

    documents_in: int
    characters_in: int
    changed: dict[str, int]
    """Documents that each transform changed, by its key."""
    dropped: dict[str, int]
    """Documents that each filter left out, by its key; `blank`: nothing was left of the text."""
    conflicting_labels: int
    """Duplicates left out whose label is not that of the document that is kept."""
    documents_out: int
    characters_out: int

    def __post_init__(self) -> None:
        """What is not kept was left out by some filter."""
        assert self.documents_out + sum(self.dropped.values()) == self.documents_in, self

    def line(self) -> str:
        """The ledger for people, in a line."""
        return (
            f"{self.documents_in:,} documents in; changed: {_listed(self.changed)}; "
            f"dropped: {_listed(self.dropped)}; {self.documents_out:,} out, "
            f"{self.characters_in:,} characters to {self.characters_out:,}"
        )

    def as_json(self) -> dict[str, Any]:
        """For the manifest and `--json`."""
        return asdict(self)


def _listed(counts: Mapping[str, int]) -> str:
    """`3 html, 0 lowercase`."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "nothing"
