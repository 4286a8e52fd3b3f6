"""Tests of lmkit/data/room.py."""

import shutil

import pytest

from lmkit.data.room import require_room
from lmkit.errors import CacheError


def test_both_numbers_are_told(tmp_path, monkeypatch):
    free = shutil.disk_usage(tmp_path)._replace(free=3_000_000)
    asked = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or free)
    require_room(tmp_path / "not/there/yet", 3_000_000)
    with pytest.raises(CacheError, match=r"yet: no room: 3\.1 MB needed, 3\.0 MB free; make room"):
        require_room(tmp_path / "not/there/yet", 3_100_000)
    assert asked == [tmp_path, tmp_path]
