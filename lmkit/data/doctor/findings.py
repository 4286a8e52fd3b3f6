"""Findings: something about the rows of a split that their owner should know, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""`error`: a run stops or its scores mislead. `warning`: likely a mistake. `note`: worth a look."""
SHOWN = 10
"""Rows that a finding names; the count is of all."""


@dataclass(frozen=True)
class Finding:
    """One kind of trouble in one split."""

    kind: str
    """Its name, for programs: `duplicate`, `leak`, `mojibake`, ..."""
    severity: Severity
    """How bad it is."""
    split: str
    """The split whose rows are meant."""
    count: int
    """How many rows (for labels: how many rows have them)."""
    share: float
    """`count` over the rows of the split, in [0, 1]."""
    rows: list[str]
    """Where the first of them stand: `FILE:LINE`."""
    message: str
    """What was found."""
    cure: str
    """What to do."""
    others: list[str] = field(default_factory=list)
    """For copies: where the row stands that each of `rows` is a copy of."""

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON knows it; `others` only where there are any."""
        found = {
            "kind": self.kind, "severity": self.severity, "split": self.split,
            "count": self.count, "share": round(self.share, 6), "rows": self.rows,
            "message": self.message, "cure": self.cure,
        }  # fmt: skip
        return found | ({"others": self.others} if self.others else {})


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, the gravest first; of one severity, those of the most rows."""
    return sorted(findings, key=lambda found: (SEVERITIES.index(found.severity), -found.count))


@dataclass
class Tally:
    """How many rows have one kind of trouble, and where the first of them stand."""

    count: int = 0
    rows: list[str] = field(default_factory=list)
    detail: str = ""
    """What is wrong with the first."""

    def add(self, origin: str, detail: str = "") -> None:
        """One more row."""
        self.count += 1
        if len(self.rows) < SHOWN:
            self.rows.append(origin)
            self.detail = self.detail or detail


def rows_that(count: int, what: str) -> str:
    """`1 row holds ...`, `2,345 rows hold ...`; `what` begins with the verb for several."""
    if count != 1:
        return f"{count:,} rows {what}"
    verb, _, rest = what.partition(" ")
    return f"1 row {_ONE.get(verb, f'{verb}s')} {rest}"


_ONE = {"are": "is", "have": "has", "mix": "mixes", "cannot": "cannot"}
