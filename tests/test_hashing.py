"""The hash of a file is that of its bytes, whatever its size."""

import hashlib
from pathlib import Path

import pytest

from lmkit.hashing import sample_of, sha256_of


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 21) + 7])
def test_the_hash_is_that_of_the_bytes(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "file").write_bytes(content[:size])
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content[:size]).hexdigest()


@pytest.mark.parametrize("size", [0, 100, 1 << 16, 5 << 20])
def test_a_sample_tells_sizes_and_contents_apart(tmp_path: Path, size: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(size))
    seen = {sample_of(file)}
    file.write_bytes(bytes(size + 1))
    seen.add(sample_of(file))
    file.write_bytes(b"x" * (size + 1))
    seen.add(sample_of(file))
    assert len(seen) == 3
    assert sample_of(file) in seen
