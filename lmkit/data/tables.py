"""Parquet and Arrow files, a batch of rows at a time, through pyarrow."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from lmkit.data.formats import DataFile, open_bytes
from lmkit.data.rows import Row
from lmkit.errors import DataError

_BATCH = 1024  # rows in memory at a time


def read_table(file: DataFile) -> Iterator[Row]:
    """The rows of a Parquet file, or of an Arrow file in either of its layouts.

    Raises:
        DataError: the file is damaged or of another format.
    """
    number = 0
    try:
        with _seekable(file) as stream:
            for batch in _batches(file, stream):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(values, f"{file}:row {number}")
    except (pa.ArrowException, OSError) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        where = f" after row {number}" if number else ""
        raise DataError(f"{file}: not a readable {file.kind} file{where} ({what})") from error


def _batches(file: DataFile, stream: BinaryIO) -> Iterator[Any]:
    """Record batches in the order of the file."""
    if file.kind == "parquet":
        table = pq.ParquetFile(stream)
        groups = None
        if file.end is not None:
            begins = group_begins(table)
            groups = [n for n, at in enumerate(begins) if file.begin <= at < file.end]
        yield from table.iter_batches(batch_size=_BATCH, row_groups=groups)
        return
    layout = stream.read(6)
    stream.seek(0)
    if layout == b"ARROW1":  # the file layout; `datasets` writes the stream layout
        reader = pa.ipc.open_file(stream)
        batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
    else:
        batches = iter(pa.ipc.open_stream(stream))
    for batch in batches:
        for start in range(0, batch.num_rows, _BATCH):
            yield batch.slice(start, _BATCH)


def group_begins(table: Any) -> list[int]:
    """The byte at which each row group of a Parquet file begins."""
    begins = []
    for number in range(table.metadata.num_row_groups):
        group = table.metadata.row_group(number)
        columns = [group.column(at) for at in range(group.num_columns)]
        pages = [(c.dictionary_page_offset, c.data_page_offset) for c in columns]
        begins.append(min((at for both in pages for at in both if at is not None), default=0))
    return begins


@contextmanager
def _seekable(file: DataFile) -> Iterator[BinaryIO]:
    """The bytes of a file that can be read out of order: unpacked to disk where compressed."""
    with open_bytes(file) as stream:
        if not file.compression:
            yield stream
            return
        with tempfile.TemporaryFile() as unpacked:
            shutil.copyfileobj(stream, unpacked)
            unpacked.seek(0)
            yield cast("BinaryIO", unpacked)
