"""How long rows are: percentiles, and a histogram for a terminal. Shape letter: N rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BUCKETS = 12
PERCENTILES = (50, 90, 99)
BAR = 40  # characters of the longest bar
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class Lengths:
    """The lengths of the rows of a split, or of a sample of them."""

    unit: str
    """`tokens` or `characters`."""
    percentiles: dict[str, int]
    """`p50`, `p90`, `p99` and `max`."""
    buckets: list[tuple[int, int, int]]
    """From, to (exclusive), and how many rows."""
    limit: int | None
    """`max_length` or `block_size`, in `unit`; None where there is none."""
    over: int
    """Rows longer than that."""
    rows: int
    """Rows that were measured."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {
            "unit": self.unit,
            **self.percentiles,
            "limit": self.limit,
            "over_limit": self.over,
            "share_over_limit": round(self.over / self.rows, 6) if self.rows else 0.0,
            "histogram": [{"from": a, "to": b, "rows": n} for a, b, n in self.buckets],
        }

    def lines(self) -> list[str]:
        """A bar a bucket, and the percentiles."""
        edges = [f"{low:,}-{high - 1:,}" for low, high, _ in self.buckets]
        width = max(map(len, edges), default=0)
        most = max((count for _, _, count in self.buckets), default=0)
        drawn = [
            f"  {edge:>{width}} {bar(count, most):<{BAR}} {count:,}"
            for edge, (_, _, count) in zip(edges, self.buckets, strict=True)
        ]
        told = ", ".join(f"{name} {value:,}" for name, value in self.percentiles.items())
        return [f"  {self.unit} a row: {told}", *drawn]


def measure(lengths: npt.NDArray[np.int64], unit: str, limit: int | None) -> Lengths:
    """Percentiles (the smallest length that this share of the rows does not pass) and a histogram.

    Args:
        lengths: (N,), at least one.
        unit: What was counted.
        limit: The longest that a row may be without losing something.
    """
    values = np.percentile(lengths, PERCENTILES, method="inverted_cdf")
    found = {f"p{p}": int(value) for p, value in zip(PERCENTILES, values, strict=True)}
    longest = int(lengths.max())
    edges = bucket_edges(int(lengths.min()), longest)
    counts = np.histogram(lengths, bins=np.array(edges))[0].tolist()
    buckets = list(zip(edges[:-1], edges[1:], counts, strict=True))
    over = int((lengths > limit).sum()) if limit is not None else 0
    return Lengths(unit, {**found, "max": longest}, buckets, limit, over, len(lengths))


def bucket_edges(shortest: int, longest: int) -> list[int]:
    """At most BUCKETS + 1 edges that hold all lengths: even steps, or doublings where they spread.

    The last edge lies above `longest`.
    """
    if longest <= max(16 * BUCKETS, 8 * max(shortest, 1)):
        step = _round_step((longest - shortest + 1) / BUCKETS)
        first = shortest // step * step
        return [*range(first, longest + 1, step), (longest // step + 1) * step]
    last = longest.bit_length()  # 2**last is the first power above it
    first = max(shortest.bit_length() - 1, last - BUCKETS)
    edges = [2**power for power in range(first, last + 1)]
    return edges if edges[0] <= shortest else [0, *edges]


def _round_step(least: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50, ... that is at least this."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= least:
                return factor * power
        power *= 10


def bar(count: int, most: int) -> str:
    """A bar of eighths of a character, at least one where there is anything."""
    eighths = max(round(8 * BAR * count / most), 1) if count and most else 0
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
