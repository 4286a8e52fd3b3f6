"""The short form of the doctor: what one quick pass over the rows tells at the start of a run."""

from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Any

from lmkit.data.doctor.copies import content_of, hash64, label_of, repeats_of, shared_with
from lmkit.data.rows import Source

FORMAT = 1  # raised when the same rows would give another glance

Glance = dict[str, dict[str, Any]]
"""Of each split: `rows`, `labels` (how many rows have each), `duplicates`, and `leaks`: rows whose
content stands in an earlier split too, by the name of that split."""


def glance(sources: Sequence[Source], text_column: str | None, label_column: str | None) -> Glance:
    """Count rows, labels and identical rows; each split is read once, 8 bytes a row are held."""
    found: Glance = {}
    earlier: dict[str, array[int]] = {}
    for source in sources:
        hashes, labels = array("Q"), Counter[str]()
        for row in source.rows():
            hashes.append(hash64(content_of(row, text_column)))
            if label_column is not None and (label := label_of(row, label_column)) is not None:
                labels[label] += 1
        found[source.name] = {
            "rows": len(hashes),
            "labels": dict(labels.most_common()),
            "duplicates": len(repeats_of(hashes).rows),
            "leaks": {
                name: count
                for name, other in earlier.items()
                if (count := len(shared_with(hashes, other).rows))
            },
        }
        earlier[source.name] = hashes
    return found
