"""Hashes of files: of the content, computed once, never stale."""

import hashlib
import json
import os
import time

import pytest

from lmkit.data import fingerprint as module
from lmkit.data.fingerprint import combined, expected_bytes, file_hashes, require_unchanged
from lmkit.errors import DataError


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    """Where the table of this test is."""
    monkeypatch.setenv("LMKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "file-hashes.json"


@pytest.fixture
def old_file(tmp_path, monkeypatch):
    """A file whose times count as settled at once."""
    monkeypatch.setattr(module, "_SETTLED", -1)
    path = tmp_path / "a.txt"
    path.write_text("some text")
    return path


def refuse(path):
    raise AssertionError(f"{path} is read again")


def test_size_and_hash(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    assert file_hashes([tmp_path / "a"]) == [
        (3_000_000, hashlib.sha256(b"x" * 3_000_000).hexdigest())
    ]


def test_unchanged_file_is_not_read_again(old_file, monkeypatch, table):
    first = file_hashes([old_file])
    assert list(json.loads(table.read_text()).values()) == [first[0][1]]
    monkeypatch.setattr(module, "sha256_of", refuse)
    assert file_hashes([old_file]) == first


def test_changed_byte_with_the_old_times_is_seen(old_file):
    before = old_file.stat()
    first = file_hashes([old_file])
    old_file.write_text("same size")
    os.utime(old_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file_hashes([old_file]) != first


def test_moved_or_touched_file_has_the_same_hash(old_file):
    first = file_hashes([old_file])
    os.utime(old_file)
    assert file_hashes([old_file.rename(old_file.with_name("b.txt"))]) == first


def test_file_written_just_now_is_not_vouched_for(tmp_path, table):
    (tmp_path / "a").write_text("x")
    file_hashes([tmp_path / "a"])
    assert not table.exists()


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_damaged_table_is_no_error(old_file, table, content):
    table.parent.mkdir()
    table.write_text(content)
    assert file_hashes([old_file])[0][1] == hashlib.sha256(b"some text").hexdigest()


def test_cache_that_cannot_be_written_is_no_error(old_file, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LMKIT_CACHE", str(tmp_path / "file" / "cache"))
    assert file_hashes([old_file])[0][0] == 9


def test_table_keeps_the_newest(tmp_path, old_file, monkeypatch, table):
    monkeypatch.setattr(module, "_ENTRIES", 2)
    for number in range(4):
        path = tmp_path / f"{number}"
        path.write_text(str(number))
        file_hashes([path])
    expected = [hashlib.sha256(text.encode()).hexdigest() for text in "23"]
    assert list(json.loads(table.read_text()).values()) == expected


def test_file_that_changes_meanwhile(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("x")

    def grow(path):
        path.write_text("xy")
        return "0"

    monkeypatch.setattr(module, "sha256_of", grow)
    with pytest.raises(DataError, match="the file changes while it is read"):
        file_hashes([path])


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"a: cannot be read \(No such file or directory\)"):
        file_hashes([tmp_path / "a"])


def test_combined_is_of_the_canonical_json():
    assert combined({"b": 1, "a": [2]}) == combined({"a": [2], "b": 1})
    assert combined({"a": [2]}) == hashlib.sha256(b'{"a": [2]}').hexdigest()


class Described:
    """A source of which only its files are asked for."""

    name = "train"

    def __init__(self, *files):
        self.files = list(files)

    def describe(self):
        return self.files


def test_files_that_are_as_they_were(old_file):
    ((size, sha256),) = file_hashes([old_file])
    known = {"path": str(old_file), "bytes": size, "sha256": sha256}
    elsewhere = {"path": "hf://datasets/name", "sha256": "of something else"}
    require_unchanged(Described(known, elsewhere, {"path": "stdlib", "sha256": "x"}))
    old_file.write_text("some more text")
    with pytest.raises(DataError, match=r"a\.txt: the file changed while it was read; start again"):
        require_unchanged(Described(known))


def test_how_much_text_is_known_where_files_are_all_text():
    text, other = {"path": "/a.txt", "bytes": 5}, {"path": "/b.md", "bytes": 7}
    assert expected_bytes(Described(text, other)) == 12
    assert expected_bytes(Described(text, {"path": "/c.jsonl", "bytes": 7})) is None
    assert expected_bytes(Described(text, {**other, "part": "the first half"})) is None
    assert expected_bytes(Described({"path": "/a.txt.gz", "bytes": 7})) is None


def test_ten_thousand_files_are_found_again_in_a_moment(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SETTLED", -1)
    paths = [tmp_path / f"{number}.txt" for number in range(10_000)]
    for path in paths:
        path.write_text(path.name)
    first = file_hashes(paths)
    monkeypatch.setattr(module, "sha256_of", refuse)
    started = time.process_time()
    assert file_hashes(paths) == first
    assert time.process_time() - started < 1
