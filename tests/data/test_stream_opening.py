"""Cutting files into shards: every row is in one of them, and cuts are known without reading."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmkit.data import stream_opening
from lmkit.data.file_source import FileSource
from lmkit.data.fingerprint import require_unchanged
from lmkit.data.formats import data_file
from lmkit.data.sources import open_splits
from lmkit.data.stream import Stream
from lmkit.data.stream_opening import cut_files
from lmkit.data.text import Reading
from lmkit.errors import DataError
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.sections import DataSection

OPTIONS = CausalLMOptions(name="causal_lm")


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr(stream_opening, "SHARD_BYTES", 40)


def texts(source):
    return [row.values["text"] for row in source.rows()]


def cut(path, document="line"):
    """The shards of a file, and the file whole."""
    reading = Reading(document)
    groups = cut_files([data_file(path)], reading)
    shards = [FileSource("train", group, reading) for group in groups]
    return shards, FileSource("train", [data_file(path)], reading)


@given(
    lines=st.lists(st.text(st.sampled_from("ab é\t"), max_size=60), min_size=1, max_size=20),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
    document=st.sampled_from(["line", "paragraph"]),
)
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_text_is_in_one_shard(tmp_path, lines, end, last, document):
    path = tmp_path / "a.txt"
    path.write_bytes((end.join(["first", *lines, "last"]) + end * last).encode())
    shards, whole = cut(path, document)
    found = [row.values["text"] for shard in shards for row in shard.read()]
    assert found == texts(whole)


def test_rows_of_json_lines_and_parquet(tmp_path):
    rows = [{"text": f"row {n} " + "x" * (n % 50)} for n in range(40)]
    lines, table = tmp_path / "a.jsonl", tmp_path / "a.parquet"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), table, row_group_size=5)
    for path, least in ((lines, 20), (table, 8)):
        shards, whole = cut(path)
        assert len(shards) >= least
        assert [text for shard in shards for text in texts(shard)] == texts(whole)
        assert len({shard.fingerprint() for shard in shards}) == len(shards)
        for shard in shards:
            require_unchanged(shard)
    path.write_bytes(path.read_bytes()[:-20] + b"x" * 20)
    with pytest.raises(DataError, match="the file changed while it was read"):
        require_unchanged(shards[0])


def test_messages_tell_where_a_piece_is(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 39 + b"\n" + b"fine\n" + b"bad \xff\n")
    (_, last), _ = cut(path)
    with pytest.raises(DataError, match=r"a\.txt \(from byte 40\): byte 49 is not UTF-8"):
        list(last.rows())


def test_small_files_share_a_shard_and_what_cannot_be_cut_is_one(tmp_path):
    for name, size in (("a", 20), ("b", 20), ("c", 10), ("d", 500), ("e", 30)):
        (tmp_path / f"{name}.txt").write_text("word " * (size // 5))
    files = [data_file(path) for path in sorted(tmp_path.iterdir())]
    groups = cut_files(files, Reading("file"))
    assert [[file.path.stem for file in group] for group in groups] == [
        ["a", "b"], ["c"], ["d"], ["e"],
    ]  # fmt: skip


def opened(path: Path, **keys):
    return open_splits(DataSection(train=str(path), streaming=True, **keys), OPTIONS)


def test_validation_is_held_out_by_the_hash_alone(tmp_path):
    path = tmp_path / "a.jsonl"
    everything = [f"text number {n % 300}" for n in range(400)]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in everything))
    train, validation, _ = opened(path, validation_share=0.3)
    assert isinstance(train, Stream)
    held_out = texts(validation)
    assert len(held_out) >= 20
    assert not set(held_out) & set(texts(train))
    assert 0.6 * 400 < len(texts(train)) < 0.8 * 400
    whole = open_splits(DataSection(train=str(path), validation_share=0.3), OPTIONS)
    assert texts(whole.train) == texts(train)
    assert texts(whole.validation)[: len(held_out)] == held_out


def test_a_stream_is_told_by_names_and_sizes(tmp_path):
    (tmp_path / "there").mkdir()
    lines = "".join(f"line {n}\n" for n in range(100))
    for folder in (tmp_path, tmp_path / "there"):
        (folder / "a.txt").write_text(lines)
    given_own = {"document": "line", "validation": str(tmp_path / "a.txt")}
    first = opened(tmp_path / "a.txt", **given_own).train
    assert opened(tmp_path / "there" / "a.txt", **given_own).train.fingerprint() == (
        first.fingerprint()
    )
    assert first.describe() == [{"path": str(tmp_path / "a.txt"), "bytes": len(lines)}]
    (tmp_path / "a.txt").write_text(lines + "one more\n")
    assert opened(tmp_path / "a.txt", **given_own).train.fingerprint() != first.fingerprint()


def test_nothing_to_hold_out(tmp_path):
    (tmp_path / "a.txt").write_text("one text\n")
    with pytest.raises(DataError, match=r"give more documents, or validation data of its own"):
        opened(tmp_path / "a.txt", validation_share=0.001)
