"""Which files the embedded set is of, and how they are split: on made-up libraries."""

import hashlib

from lmkit.data import stdlib_files as module
from lmkit.data.stdlib_files import SPLITS


def make(root, files):
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def test_what_is_no_source_of_the_library(tmp_path):
    files = {
        "a.py": b"a = 1\n",
        "b/same.py": b"a = 1\n",
        "blank.py": b"\n",
        "latin.py": b"# \xe9\n",
        "_sysconfigdata_x.py": b"x = 1",
        "config-3.11/x.py": b"y = 1",
        "p/tests/t.py": b"t = 1",
        "p/m.py": b"m = 1",
        "data.txt": b"text",
    }
    make(tmp_path, files)
    (tmp_path / "link.py").symlink_to(tmp_path / "p" / "m.py")
    assert [item.path for item in module.found(tmp_path)] == ["a.py", "p/m.py"]


def test_held_out_files_are_first_by_hash(tmp_path):
    files = {f"p/{i}.py": f"# {i}\n".encode() * 1000 for i in range(40)}
    splits = module.modules(make(tmp_path, files))
    by_hash = sorted(files, key=lambda path: hashlib.sha256(files[path]).hexdigest())
    assert [item.path for item in splits["test"]] == sorted(by_hash[:2])
    assert [item.path for item in splits["validation"]] == sorted(by_hash[2:4])


def test_small_and_large_files_are_trained_on(tmp_path):
    files = {f"p/{i}.py": f"# {i}\n".encode() for i in range(20)}
    files |= {"p/large.py": b"# large\n" * 100_000}
    splits = module.modules(make(tmp_path, files))
    assert len(splits["train"]) == 21


def test_every_split_has_a_name():
    assert SPLITS == ("train", "validation", "test")
