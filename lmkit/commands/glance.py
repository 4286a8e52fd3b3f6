"""A few lines on the data at the start of a run: rows, labels, copies and leaks.

What was found is kept in the cache under the content of the data, so a second run reads it.
"""

import logging
from collections.abc import Iterator
from typing import Any

from lmkit.commands.inspect_view import label_shares
from lmkit.data.cache import cache_dir, entry
from lmkit.data.doctor.findings import rows_that
from lmkit.data.doctor.glance import FORMAT, Glance, glance
from lmkit.data.fingerprint import combined
from lmkit.data.sources import Splits
from lmkit.data.stream import Stream
from lmkit.recipe.base import TaskOptions

logger = logging.getLogger(__name__)

MOST_BYTES = 50_000_000
"""Data on the disk that are read for it, two seconds or so; of more (or of a stream, or a
hub set, whose size nobody knows) only `lmkit data inspect` tells."""
LABELS = 6  # that are listed
_MORE = "see lmkit data inspect RECIPE"


def tell(splits: Splits, options: TaskOptions) -> None:
    """Say what one pass over the rows can tell; leaks are warnings.

    Raises:
        DataError: something cannot be read.
        CacheError: the cache cannot be written.
    """
    sources = [source for source in splits if source is not None]
    files = {file["path"]: file.get("bytes") for s in sources for file in s.describe()}
    known = [int(size) for size in files.values() if size is not None]
    streamed = any(isinstance(source, Stream) for source in sources)
    if streamed or len(known) < len(files) or sum(known) > MOST_BYTES:
        logger.info("data: not looked through for copies and leaks; %s", _MORE)
        return
    is_pair = getattr(options, "text_pair_column", None) is not None
    text_column = None if is_pair else getattr(options, "text_column", None)  # None: whole rows
    label_column = options.strata
    content = [FORMAT, [(s.name, s.fingerprint()) for s in sources], text_column, label_column]

    def write(_: Any) -> dict[str, Any]:
        return {"glance": glance(sources, text_column, label_column)}

    found: Glance = entry(cache_dir() / "glances" / combined(content), write).meta["glance"]
    for level, line in lines(found):
        logger.log(level, "%s", line)


def lines(found: Glance) -> Iterator[tuple[int, str]]:
    """One line on all rows and the training labels, then one for each kind of copy there is."""
    rows = ", ".join(f"{name} {split['rows']:,}" for name, split in found.items())
    labels = next(iter(found.values()))["labels"]
    told = f"; labels: {label_shares(labels, LABELS)}" if labels else ""
    yield logging.INFO, f"data: rows: {rows}{told}"
    for name, split in found.items():
        if split["duplicates"]:
            repeated = rows_that(split["duplicates"], "repeat an earlier row")
            yield logging.INFO, f"data: {name}: {repeated} ({split['rows']:,} in all); {_MORE}"
        for other, count in split["leaks"].items():
            share = count / split["rows"]
            leaked = rows_that(count, f"stand in {other} too")
            yield (
                logging.WARNING,
                f"data: {name}: {leaked} ({share:.2%}): its scores are too good; {_MORE}",
            )
