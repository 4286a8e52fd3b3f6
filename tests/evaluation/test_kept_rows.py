"""rows.npz: what is kept comes back, and what is damaged is none."""

import io
from pathlib import Path

import numpy as np
import pytest

from lmkit.evaluation import kept_rows
from lmkit.evaluation.kept_rows import pack, unpack

UNITS = {"loss": np.asarray([[0.1, 2.5], [1.0, 3.0]]), "classes": np.asarray([[0, 1], [1, 1]])}


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    path.write_bytes(pack(UNITS) or b"")
    found = unpack(path)
    assert found is not None
    assert found.keys() == UNITS.keys()
    assert all(np.array_equal(found[name], UNITS[name]) for name in UNITS)


def test_nothing_and_too_much_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pack({}) is None
    monkeypatch.setattr(kept_rows, "MOST_BYTES", 10)
    assert pack(UNITS) is None


def saved(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"no archive",
        (pack(UNITS) or b"")[:100],
        saved(loss=np.zeros((3, 3))),
        saved(loss=np.zeros(0)),
        saved(loss=np.zeros((2, 3), dtype="U1")),
        saved(loss=np.asarray([[object()], [object()]])),  # a pickle, which is not opened
    ],
)
def test_what_is_damaged_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "rows.npz"
    if content is not None:
        path.write_bytes(content)
    assert unpack(path) is None


def test_what_unpacks_without_end_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.npz"
    path.write_bytes(pack({"loss": np.zeros((2, 1000))}) or b"")
    monkeypatch.setattr(kept_rows, "MOST_BYTES", 1000)
    assert unpack(path) is None
