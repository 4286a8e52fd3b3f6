"""Tests of lmkit/data/cache.py."""

import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from lmkit.data import cache as module
from lmkit.data.cache import cache_dir, damage, entry, publish, read_manifest
from lmkit.data.locks import locked
from lmkit.errors import CacheError

CHILD = """
import sys, time
from pathlib import Path
from lmkit.data.cache import entry

def write(folder):
    (folder / "part.bin").write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)

entry(Path(sys.argv[1]), write)
"""


def writer(content=b"content", calls=None):
    def write(folder: Path):
        if calls is not None:
            calls.append(folder)
        (folder / "data.bin").write_bytes(content)
        return {"format": 1}

    return write


def names(folder):
    """What is in a folder but for locks."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LMKIT_CACHE": "/a/b", "XDG_CACHE_HOME": "/x"}, Path("/a/b")),
        ({"XDG_CACHE_HOME": "/x"}, Path("/x/lmkit")),
        ({}, Path.home() / ".cache/lmkit"),
    ],
)
def test_where_the_cache_is(monkeypatch, variables, expected):
    for name in ("LMKIT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_dir() == expected


def test_an_entry_is_written_once(tmp_path):
    calls: list[Path] = []
    first = entry(tmp_path / "deep" / "key", writer(calls=calls))
    second = entry(tmp_path / "deep" / "key", writer(calls=calls))
    assert (first.hit, first.reason) == (False, "not in the cache")
    assert (second.hit, second.reason) == (True, "found")
    assert len(calls) == 1
    assert first.meta == second.meta == read_manifest(first.folder)
    digest = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"  # sha256sum
    assert first.meta == {"format": 1, "files": {"data.bin": {"bytes": 7, "sha256": digest}}}
    assert names(tmp_path / "deep") == ["key"]


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    def write(folder):
        (folder / "data.bin").write_bytes(b"half")
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        entry(tmp_path / "key", write)
    assert names(tmp_path) == []
    assert not entry(tmp_path / "key", writer()).hit


def test_a_killed_process_leaves_nothing_that_looks_whole(tmp_path):
    for name in ("key", "other"):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path / name)], stdout=subprocess.PIPE, text=True
        )
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == "writing\n"
            child.send_signal(signal.SIGKILL)
    assert not (tmp_path / "key").exists()
    assert len(names(tmp_path)) == 1  # the second process has removed what the first left
    made = entry(tmp_path / "key", writer())
    assert (made.hit, damage(made.folder, contents=True)) == (False, None)
    assert names(tmp_path) == ["key"]  # what the other process left is gone as well


def test_what_a_living_process_writes_is_left_alone(tmp_path):
    temporary = tmp_path / ".other.0123.tmp"
    temporary.mkdir()
    with FileLock(tmp_path / ".other.lock"):
        entry(tmp_path / "key", writer())
    assert temporary.is_dir()


def test_runs_that_start_together_prepare_once(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    calls: list[Path] = []
    inside, go_on = threading.Event(), threading.Event()

    def slow(folder):
        inside.set()
        assert go_on.wait(10)
        return writer(calls=calls)(folder)

    made = []
    first = threading.Thread(target=lambda: made.append(entry(tmp_path / "key", slow)))
    second = threading.Thread(target=lambda: made.append(entry(tmp_path / "key", slow)))
    first.start()
    assert inside.wait(10)
    second.start()
    while "waiting for another process" not in caplog.text and second.is_alive():
        time.sleep(0.01)
    go_on.set()
    first.join(10)
    second.join(10)
    assert len(calls) == 1
    assert sorted((one.hit, one.reason) for one in made) == [
        (False, "not in the cache"),
        (True, "prepared meanwhile by another process"),
    ]


def test_who_publishes_second_takes_what_is_there(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.bin").write_text(name)
    assert publish(tmp_path / "one", tmp_path / "final")
    assert not publish(tmp_path / "two", tmp_path / "final")
    assert (tmp_path / "final" / "data.bin").read_text() == "one"
    assert names(tmp_path) == ["final"]


def truncate(folder):
    (folder / "data.bin").write_bytes(b"cont")


def lose(folder):
    (folder / "data.bin").unlink()


def lose_manifest(folder):
    (folder / "meta.json").unlink()


def tear_manifest(folder):
    (folder / "meta.json").write_text('{"files": {"da')


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (truncate, "data.bin has 4 bytes instead of 7"),
        (lose, "data.bin is missing"),
        (lose_manifest, "meta.json is missing"),
        (tear_manifest, "meta.json cannot be read"),
    ],
)
def test_damage_is_named_and_mended(tmp_path, caplog, harm, named):
    folder = entry(tmp_path / "key", writer()).folder
    harm(folder)
    assert damage(folder) == named
    again = entry(folder, writer())
    assert (again.hit, again.reason) == (False, f"damaged: {named}")
    assert f"prepared again: {named}" in caplog.text
    assert damage(folder, contents=True) is None
    assert names(tmp_path) == ["key"]


def test_a_flipped_bit_is_found_in_the_contents(tmp_path):
    folder = entry(tmp_path / "key", writer(b"content")).folder
    (folder / "data.bin").write_bytes(b"cOntent")
    assert damage(folder) is None
    assert damage(folder, contents=True) == (
        "data.bin has other content than was written (its SHA-256 differs)"
    )


def test_a_disk_without_room_is_named(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(CacheError, match=r"no room left.* 0\.1 MB needed, .* MB free; make"):
            entry(tmp_path / "key", writer(b"x" * 200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match=r"file: the cache cannot be written .*set LMKIT_CACHE"):
        entry(tmp_path / "file" / "key", writer())


def test_another_file_s_error_is_not_the_cache_s(tmp_path):
    def write(folder):
        raise PermissionError(13, "Permission denied", "/corpus/secret.txt")

    with pytest.raises(PermissionError, match=r"secret\.txt"):
        entry(tmp_path / "key", write)


def test_what_was_not_used_for_longest_makes_room(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_NEWEST", 2)
    for number in range(5):
        made = entry(tmp_path / "kind" / str(number), filled(100))
        os.utime(made.folder, ns=(number * 10**9, number * 10**9))
    os.utime(tmp_path / "kind" / "0")  # used again
    module.evict(tmp_path / "kind", 350)
    assert names(tmp_path / "kind") == ["0", "3", "4"]
    module.evict(tmp_path / "kind", 0)
    assert names(tmp_path / "kind") == ["0", "4"]


def test_what_another_process_works_on_is_not_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_NEWEST", 0)
    for name in ("0", "1"):
        module.entry(tmp_path / "kind" / name, filled(100))
    with locked(tmp_path / "kind" / "0"):
        module.evict(tmp_path / "kind", 0)
        assert names(tmp_path / "kind") == ["0"]
    module.evict(tmp_path / "kind", 0)
    assert names(tmp_path / "kind") == []


def filled(size):
    def write(folder):
        (folder / "a.bin").write_bytes(bytes(size))
        return {}

    return write
