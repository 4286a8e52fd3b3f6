"""What has its name is on the disk, and room is asked for."""

import os
import shutil
import stat
from pathlib import Path

from lmkit import durable


def test_all_is_synced_before_it_has_its_name(tmp_path, monkeypatch):
    aside, final = tmp_path / "aside", tmp_path / "final"
    (aside / "deeper").mkdir(parents=True)
    (aside / "deeper" / "file").write_text("x")
    done = []
    real_sync, real_rename = os.fsync, Path.rename

    def fsync(descriptor):
        done.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real_sync(descriptor)

    def rename(path, target):
        done.append("renamed")
        return real_rename(path, target)

    monkeypatch.setattr(durable.os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    durable.put_in_place(aside, final, tmp_path / "leaving")
    before, after = done[: done.index("renamed")], done[done.index("renamed") + 1 :]
    assert set(before) == {str(aside), str(aside / "deeper"), str(aside / "deeper" / "file")}
    assert after == [str(tmp_path)]
    assert (final / "deeper" / "file").read_text() == "x"


def test_the_old_one_goes_when_the_new_one_is_there(tmp_path):
    aside, final, leaving = (tmp_path / name for name in ("aside", "final", "leaving"))
    for folder, text in ((aside, "new"), (final, "old"), (leaving, "left by a kill")):
        folder.mkdir()
        (folder / "file").write_text(text)
    durable.put_in_place(aside, final, leaving)
    assert [path.name for path in tmp_path.iterdir()] == ["final"]
    assert (final / "file").read_text() == "new"


def test_a_folder_that_cannot_be_synced_is_let_be(tmp_path, monkeypatch):
    real = os.fsync

    def files_alone(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")
        real(descriptor)

    monkeypatch.setattr(durable.os, "fsync", files_alone)
    durable.sync(tmp_path)


def test_room_is_reckoned_where_the_folder_will_be(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=2_000_000)
    monkeypatch.setattr(durable.shutil, "disk_usage", lambda _: usage)
    assert durable.shortage(tmp_path / "not" / "there", 2_000_000) is None
    assert durable.shortage(tmp_path, 3_500_000) == "3.5 MB needed, 2.0 MB free"
