"""Tags that write spans: the schemes there are, what breaks them, and all of them as IOB2.

IOB2 begins a span with B- and goes on with I-. IOB1 begins it with I-, and with B- only where a
span of the same type ends just before (Ramshaw and Marcus 1995, arXiv:cmp-lg/9505040; Tjong Kim
Sang and Veenstra 1999, arXiv:cs/9907006). BIOES ends spans with E- and writes S- where one is a
word long; BILOU calls these L- and U-.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lmkit.errors import DataError
from lmkit.labels import OUTSIDE

Scheme = Literal["iob1", "iob2", "bioes"]

_PREFIXES = {"B", "I", "S", "E", "L", "U", "M"}
_TAG = re.compile(r"([A-Z])[-_](.+)")
_OPENING = {"B", "S", "U"}  # these begin a span; S and U also end it
_ENDING = {"S", "U", "E", "L"}
_OF_BIOES = _PREFIXES - {"B", "I"}


def tag_problem(tokens: Any, tags: Any, scheme: Scheme | Literal["auto"] = "iob2") -> str | None:
    """A tag sequence that no spans have: the first place.

    A span begins with B- (or S-, U- where it is one token); I-, M-, E- and L- go on with a span of
    their own type. Under `iob1` and `auto` one that goes on with nothing begins a span, too. Tags
    that are numbers are only counted.
    """
    if not isinstance(tokens, Sequence) or not isinstance(tags, Sequence):
        return "tokens or tags are missing"
    if len(tokens) != len(tags):
        return f"{len(tokens)} tokens but {len(tags)} tags"
    if not all(isinstance(tag, str) for tag in tags):
        return None
    open_type: str | None = None
    for number, tag in enumerate(tags, start=1):
        if tag == OUTSIDE:
            open_type = None
            continue
        parts = _TAG.fullmatch(tag)
        if parts is None or parts[1] not in _PREFIXES:
            return f"token {number} has the tag `{tag}`, which is neither O nor B-TYPE nor I-TYPE"
        prefix, kind = parts[1], parts[2]
        if scheme == "iob1" and prefix in _OF_BIOES:
            return f"token {number} has the tag `{tag}`, which IOB1 does not have"
        opens = prefix in _OPENING or scheme in ("iob1", "auto")
        if not opens and kind != open_type:
            before = f"inside a span of {open_type}" if open_type else "with no span open"
            return f"token {number} has the tag `{tag}` {before}"
        open_type = None if prefix in _ENDING else kind
    return None


def to_iob2(tags: Sequence[str]) -> list[str]:
    """The same spans in IOB2, whatever the scheme; an I- that goes on with nothing begins a span.

    Args:
        tags: each O or PREFIX-TYPE.
    """
    found, open_type = [], None
    for tag in tags:
        if tag == OUTSIDE:
            found.append(OUTSIDE)
            open_type = None
            continue
        prefix, kind = tag[0], tag[2:]
        goes_on = prefix not in _OPENING and kind == open_type
        found.append(f"{'I' if goes_on else 'B'}-{kind}")
        open_type = None if prefix in _ENDING else kind
    return found


@dataclass
class Evidence:
    """What the tags of one row after the other tell of their scheme."""

    rows: int = 0
    ends: bool = False
    """Whether ends are marked, as in BIOES."""
    needless: bool = False
    """Whether a B- stands where IOB1 would write I-."""
    broken: str = ""
    """The first row that IOB2 and BIOES do not have, and why."""

    def add(self, tags: Sequence[str], origin: str) -> None:
        """One more row of tags, each O or PREFIX-TYPE."""
        self.rows += 1
        before = ""
        for tag in tags:
            self.ends = self.ends or tag[0] in _OF_BIOES
            self.needless = self.needless or (tag[0] == "B" and before[2:] != tag[2:])
            before = tag
        if not self.broken and (problem := tag_problem(tags, tags)):
            self.broken = f"{origin}: {problem}"

    def scheme(self) -> Scheme:
        """The scheme of all rows.

        Raises:
            DataError: they follow none; the first row that breaks is named.
        """
        if self.ends and not self.broken:
            return "bioes"
        if not self.broken:
            return "iob2"
        if self.ends or self.needless:
            name = "BIOES" if self.ends else "IOB2"
            raise DataError(broken(self.broken, name))
        return "iob1"


def broken(problem: str, scheme: str) -> str:
    """The message for tags that break a scheme, with the cure.

    Args:
        problem: where, and what.
        scheme: its name, for people.
    """
    lenient = "" if scheme == "BIOES" else (
        ", or set task.scheme: iob1 to read an I- that follows no span of its type as the "
        "beginning of one (as conlleval does)"
    )  # fmt: skip
    return (
        f"{problem}, which breaks {scheme}; mend the tags (a span begins with B- and goes on with "
        f"I- of the same type){lenient}"
    )
