"""What the guard of a run met: kept with the totals in each checkpoint, told in guard.json.

An incident is an object of JSON with `step`, `kind` and `action` (`stop`, `skip`, `warn`,
`rollback` or `halve`); of the kind `nonfinite` also with the examples of the step, of the others
with a `text`. A number that is not finite stands as `"nan"` or `"inf"`.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lmkit.run_folder import write_json

Incident = dict[str, Any]


class Incidents:
    """The incidents of a run, in order."""

    def __init__(self) -> None:
        self.found: list[Incident] = []

    def add(self, incident: Mapping[str, Any]) -> None:
        """Note one."""
        self.found.append(_told(incident))

    def restore(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Go on from those of a checkpoint; what came after it did not happen."""
        self.found = [dict(incident) for incident in found]

    def write(self, path: Path) -> None:
        """Tell them in a file, whole or not at all.

        Raises:
            RunFolderError: the disk is full or cannot be written.
        """
        write_json(path, {"incidents": self.found})

    def count(self, action: str, after: int = 0) -> int:
        """How many of an action there are after a step."""
        return sum(one["action"] == action and one["step"] > after for one in self.found)

    def summary(self) -> dict[str, int]:
        """Counts for the summary of the run."""
        return {
            "skipped_steps": self.count("skip"),
            "rollbacks": self.count("rollback"),
            "warnings": self.count("warn"),
        }


def _told(value: Any) -> Any:
    """The same with numbers that are none as text, which JSON can hold."""
    if isinstance(value, Mapping):
        return {key: _told(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_told(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
