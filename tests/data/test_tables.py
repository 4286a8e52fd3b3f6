"""Parquet and Arrow files, plain and compressed."""

import gzip

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from lmkit.data.formats import data_file
from lmkit.data.tables import read_table
from lmkit.errors import DataError

VALUES = [{"text": f"row {i}", "n": i, "tags": ["a"] * (i % 3), "none": None} for i in range(3000)]


def save(path, layout):
    table = pa.Table.from_pylist(VALUES)
    if layout == "parquet":
        pq.write_table(table, path, row_group_size=700)
    else:
        make = pa.ipc.new_file if layout == "file" else pa.ipc.new_stream
        with make(path, table.schema) as writer:
            writer.write_table(table)


def values(path):
    return [row.values for row in read_table(data_file(path))]


@pytest.mark.parametrize("layout", ["parquet", "file", "stream"])
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_rows_come_back(tmp_path, layout, suffix):
    path = tmp_path / f"a.{'parquet' if layout == 'parquet' else 'arrow'}"
    save(path, layout)
    if suffix:
        pack = (gzip if suffix == ".gz" else zstandard).compress
        packed = path.with_name(path.name + suffix)
        packed.write_bytes(pack(path.read_bytes()))
        path = packed
    assert values(path) == VALUES


def test_origin_is_the_row(tmp_path):
    save(tmp_path / "a.parquet", "parquet")
    rows = list(read_table(data_file(tmp_path / "a.parquet")))
    assert rows[1500].origin == f"{tmp_path}/a.parquet:row 1501"


def test_what_the_datasets_library_wrote(tmp_path):
    datasets.Dataset.from_list(VALUES).save_to_disk(tmp_path / "set")
    (path,) = (tmp_path / "set").glob("*.arrow")
    assert values(path) == VALUES


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
@pytest.mark.parametrize("content", [b"not a table at all", b""])
def test_other_content_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: not a readable {name[2:]} file"):
        values(tmp_path / name)


def test_cut_off_table(tmp_path):
    path = tmp_path / "a.parquet"
    save(path, "parquet")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="not a readable parquet file"):
        values(path)
