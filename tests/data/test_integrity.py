"""Tests of lmkit/data/integrity.py; what harm `damage` finds is tested in test_cache.py."""

import hashlib

from lmkit.data.cache import entry
from lmkit.data.integrity import damage, mark_damaged, read_manifest
from lmkit.hashing import sha256_of


def whole(folder):
    def write(target):
        (target / "data.bin").write_bytes(b"content")
        return {}

    return entry(folder, write)


def test_a_mark_makes_an_entry_damaged_until_it_is_made_again(tmp_path):
    made = whole(tmp_path / "key")
    assert damage(made.folder, contents=True) is None
    mark_damaged(made.folder, "a bit is wrong")
    assert damage(made.folder) == "a bit is wrong"
    again = whole(tmp_path / "key")
    assert (again.hit, again.reason) == (False, "damaged: a bit is wrong")
    assert damage(again.folder) is None


def test_a_mark_that_cannot_be_left_is_no_error(tmp_path):
    mark_damaged(tmp_path / "absent", "x")


def test_hash_and_manifest(tmp_path):
    made = whole(tmp_path / "key")
    digest = hashlib.sha256(b"content").hexdigest()
    assert sha256_of(made.folder / "data.bin") == digest
    assert read_manifest(made.folder)["files"] == {"data.bin": {"bytes": 7, "sha256": digest}}
