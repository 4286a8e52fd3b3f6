"""Cutting a corpus into the shards of a stream, and holding out validation data without a scan."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lmkit.data.formats import DataFile
from lmkit.data.limits import FirstRows
from lmkit.data.mixture import Joined
from lmkit.data.rows import Source
from lmkit.data.split import MANY, hash_parts, threshold_of
from lmkit.data.stream import Shard, Stream
from lmkit.data.tables import group_begins
from lmkit.data.text import Reading
from lmkit.errors import DataError

logger = logging.getLogger(__name__)

SHARD_BYTES = 64_000_000
"""Bytes of a shard on the disk, about: small files share one, large ones are cut where they can be:
JSON Lines, texts of a document a line or a paragraph, and Parquet between its row groups."""
HELD_OUT = 5000
"""Documents of validation data that are held out of a stream, at most."""


def cut_files(files: Sequence[DataFile], reading: Reading) -> list[list[DataFile]]:
    """The files of each shard, or the piece of a file that it is; only the cuts are read.

    Raises:
        DataError: a file cannot be read.
    """
    groups: list[list[DataFile]] = [[]]
    filled = 0
    for file in files:
        size = file.path.stat().st_size
        pieces = _pieces(file, size, reading) if size > SHARD_BYTES else [file]
        if len(pieces) > 1:
            groups += [[piece] for piece in pieces]
            groups.append([])
            filled = 0
            continue
        if filled and filled + size > SHARD_BYTES:
            groups.append([])
            filled = 0
        groups[-1].append(file)
        filled += size
    return [group for group in groups if group]


def unread(files: Sequence[DataFile]) -> list[dict[str, Any]]:
    """Path and size on the disk of each file."""
    return [{"path": str(f.path.absolute()), "bytes": f.path.stat().st_size} for f in files]


def open_stream(
    shards: Sequence[Source],
    identity: Any,
    files: list[dict[str, Any]],
    share: float | None,
    text_column: str | None,
) -> tuple[Stream, Source | None]:
    """The training stream, and the validation data that is held out of it.

    A document is validation data by its hash alone, wherever it stands, and equal ones are on the
    same side. Those of the first shards are scored: of as many as it takes for 20 documents.

    Args:
        shards: the parts.
        identity: what tells this stream from another of the same files, as JSON.
        files: their description.
        share: how much is held out; None where validation data is given.
        text_column: the column whose content decides.

    Raises:
        DataError: no shard holds a row, or none a document to hold out.
    """
    if share is None:
        train, validation = [Shard(shard.name, shard) for shard in shards], None
    else:
        sides = [hash_parts(shard, threshold_of(share), text_column) for shard in shards]
        train = [Shard("train", side[0]) for side in sides]
        validation = _held_out([Shard("validation", side[1]) for side in sides], share)
    names = [{**file, "path": Path(file["path"]).name} for file in files]
    told = [SHARD_BYTES, len(train), share, names, identity]
    stream = Stream("train", tuple(train), told, files)
    logger.info("train: a stream of %d shards", len(train))
    if stream.first is not train[0]:
        logger.info("train: the first shards of the stream hold no row")
    return stream, validation


def _held_out(sides: Sequence[Shard], share: float) -> Source:
    """The validation data of the first shards."""
    found = count = 0
    while count < len(sides) and found < MANY:
        found += len(list(islice(sides[count].rows(), MANY)))
        count += 1
    if not found:
        raise DataError(
            f"data.validation_share: {share:g} of the documents of this stream are none; give more "
            "documents, or validation data of its own (data.validation)"
        )
    logger.info(
        "validation: %g of the documents, by a hash of the content: those of the first %s, %d at "
        "most; those of the others are left out",
        share, "shard" if count == 1 else f"{count} shards", HELD_OUT,
    )  # fmt: skip
    return FirstRows("validation", Joined("validation", tuple(sides[:count])), HELD_OUT)


def _pieces(file: DataFile, size: int, reading: Reading) -> list[DataFile]:
    """The pieces of a large file; the whole file where it cannot be cut."""
    if file.compression:
        return [file]
    try:
        if file.kind == "parquet":
            cuts = list(_between_groups(file))
        elif file.kind == "jsonl":
            cuts = list(_between_lines(file, size, blank=False))
        elif file.kind == "text" and reading.document != "file":
            cuts = list(_between_lines(file, size, blank=reading.document == "paragraph"))
        else:
            return [file]
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{file}: cannot be read ({error})") from error
    return [
        replace(file, begin=begin, end=end) for begin, end in pairwise([0, *cuts, size])
    ] if cuts else [file]  # fmt: skip


def _between_groups(file: DataFile) -> Iterator[int]:
    """Where row groups of a Parquet file begin, a shard apart."""
    last = 0
    for number, begin in enumerate(sorted(group_begins(pq.ParquetFile(file.path)))):
        if number and begin - last >= SHARD_BYTES:
            yield begin
            last = begin


def _between_lines(file: DataFile, size: int, *, blank: bool) -> Iterator[int]:
    """Where lines begin (that come after a blank one), a shard apart."""
    last = 0
    with file.path.open("rb") as stream:
        for aim in range(SHARD_BYTES, size, SHARD_BYTES):
            if aim <= last:
                continue  # inside one long document
            stream.seek(aim - 1)
            stream.readline()
            while blank and stream.readline().strip():
                pass
            last = stream.tell()
            if last >= size:
                return
            yield last
