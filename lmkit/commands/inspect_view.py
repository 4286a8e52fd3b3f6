"""The report of `lmkit data inspect` for people: plain lines, in color on a terminal."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from lmkit.data.doctor.examine import Examined
from lmkit.data.doctor.findings import SEVERITIES, Finding
from lmkit.recipe.base import TaskOptions

LABELS = 12  # labels that are listed
PLACES = 5  # rows that are named; `--json` has more
_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


class Line(NamedTuple):
    """A line, and how it looks on a terminal."""

    text: str
    style: str = ""


def write(told: Iterable[Line]) -> None:
    """To standard output; plain where that is no terminal."""
    if not sys.stdout.isatty():
        for line in told:
            sys.stdout.write(f"{line.text}\n")
        return
    console = Console(highlight=False)
    for line in told:
        console.print(Text(line.text, line.style), soft_wrap=True)


def lines(
    splits: Sequence[Examined],
    found: Sequence[Finding],
    notes: Iterable[str],
    options: TaskOptions,
) -> Iterator[Line]:
    """The facts of each split, then the findings."""
    for split in splits:
        yield Line(_head(split), "bold")
        if split.lengths is not None:
            for text in split.lengths.lines():
                yield Line(text, "" if "a row:" in text else "blue")
        yield from _limit_line(split, options)
        if split.labels:
            yield Line(f"  labels: {label_shares(split.labels)}")
    for note in notes:
        yield Line(f"note: {note}", "dim")
    yield Line("")
    yield Line(_counts(found), "bold")
    for finding in found:
        yield Line(
            f"{finding.severity}: {finding.split}: {finding.message}", _STYLES[finding.severity]
        )
        if finding.rows:
            yield Line(f"    {_places(finding)}", "dim")
        yield Line(f"    {finding.cure}")


def _head(split: Examined) -> str:
    """Rows, bytes, tokens."""
    head = f"{split.name}: {split.rows:,} rows, {split.bytes:,} bytes"
    if split.tokens is None:
        return head
    about = "about " if split.tokens_from < split.rows else ""
    sampled = f" (from {split.tokens_from:,} rows)" if about else ""
    return f"{head}, {about}{split.tokens:,} tokens{sampled}"


def _limit_line(split: Examined, options: TaskOptions) -> Iterator[Line]:
    """What becomes of rows that are longer than the task takes."""
    lengths = split.lengths
    if lengths is None or lengths.limit is None:
        return
    is_cut = hasattr(options, "max_length")
    key = "max_length" if is_cut else "block_size"
    fate = "cut there" if is_cut else "read in several pieces, none of it lost"
    share = 100 * lengths.over / lengths.rows
    yield Line(
        f"  {share:.3g} % of the rows are longer than task.{key} ({lengths.limit:,} tokens)"
        + (f" and are {fate}" if lengths.over else "")
    )


def label_shares(counts: "dict[str, int]", most: int = LABELS) -> str:
    """`joy 42.0 %, anger 30.1 %`: the commonest labels, and how many more there are."""
    total = sum(counts.values())
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    listed = ", ".join(f"{name} {100 * counts[name] / total:.1f} %" for name in ordered[:most])
    more = len(ordered) - most
    return listed + (f" and {more} more" if more > 0 else "")


def _counts(found: Sequence[Finding]) -> str:
    """How many findings of each severity."""
    if not found:
        return "findings: none"
    counts = {name: sum(f.severity == name for f in found) for name in SEVERITIES}
    told = (f"{n} {name}{'s' * (n != 1)}" for name, n in counts.items() if n)
    return f"findings: {', '.join(told)}"


def _places(finding: Finding) -> str:
    """The first rows, each with the row it is a copy of; and how many more there are."""
    rows = finding.rows[:PLACES]
    if finding.others:
        rows = [f"{row} (as {of})" for row, of in zip(rows, finding.others, strict=False)]
    more = finding.count - len(rows)
    return ", ".join(rows) + (f" and {more:,} more" if more > 0 else "")
