"""What the model of a run wrote through its training, as samples.jsonl tells it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmkit.reports.rows import parsed

STEPS = 12
"""Texts of a sample that are shown, the first and the last among them."""
SAMPLES = 8
"""Samples that are shown."""

GIVEN = 600
"""Characters of a beginning that are shown."""
_BLANK = re.compile(r"(?:\s*\n){4,}")


@dataclass(frozen=True)
class Writing:
    """What a model wrote for one beginning."""

    given: str
    """The beginning; of a masked model the text with hidden words."""
    wanted: str
    """What really follows, or the whole text."""
    texts: list[tuple[Any, str]] = field(default_factory=list)
    """(step, text) in their order."""

    def shown(self, most: int = STEPS) -> list[tuple[Any, str]]:
        """At most so many of the texts, compact, evenly spread, with the first and the last."""
        return [(step, compact(text)) for step, text in spread(self.texts, most)]


def read_writings(path: Path) -> tuple[list[Writing], int]:
    """The samples in their order, and the count of damaged lines, which are left out.

    Raises:
        OSError: the file is there and cannot be read.
    """
    if not path.is_file():
        return [], 0
    found: dict[Any, Writing] = {}
    damaged = 0
    with path.open("rb") as lines:
        for text in lines:
            line = parsed(text)
            words = None if line is None else [line.get(k) for k in ("given", "wanted", "text")]
            if line is None or words is None or not all(isinstance(word, str) for word in words):
                damaged += bool(text.strip())
                continue
            given, wanted, written = map(str, words)
            made = found.setdefault(str(line.get("sample")), Writing(given, wanted))
            made.texts.append((line["step"], written))
    return list(found.values()), damaged


def tail(text: str, longest: int = GIVEN) -> str:
    """The end of a long text, which is what a model goes on from."""
    return text if len(text) <= longest else f"\N{HORIZONTAL ELLIPSIS}{text[-longest:]}"


def compact(text: str) -> str:
    """A text whose runs of blank lines, of which a young model writes many, take one line."""
    return _BLANK.sub(lambda found: f"\n[{found[0].count(chr(10))} line ends]\n", text)


def spread(texts: Sequence[tuple[Any, str]], most: int) -> list[tuple[Any, str]]:
    """At most so many of the texts, evenly spread, with the first and the last."""
    if len(texts) <= most:
        return list(texts)
    places = [round(at * (len(texts) - 1) / (most - 1)) for at in range(most)]
    return [texts[place] for place in places]
