"""Tests of lmkit/data/packing_plan.py."""

import os
import pickle
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data import packing_plan
from lmkit.data.best_fit import best_fit
from lmkit.data.cache import CacheMissError, damage, reading_only, scratch
from lmkit.data.packing_plan import Cut, open_plan, plan_packing, write_plan
from lmkit.data.pieces import Pieces
from lmkit.data.token_cache import Ledger, TokenCorpus


@pytest.fixture
def small_windows(monkeypatch):
    monkeypatch.setattr(packing_plan, "WINDOW_DOCUMENTS", 5)
    monkeypatch.setattr(packing_plan, "WINDOW_PIECES", 7)


def planned(folder, offsets, cut):
    """A plan made in a folder, as arrays in memory."""
    told = write_plan(folder, np.array(offsets), cut)
    read = {
        name: np.fromfile(folder / f"{name}.bin", dtype=dtype).astype(np.int64)
        for name, dtype in (
            ("documents", told["dtype"]), ("begins", told["dtype"]), ("ends", "<i8"),
            ("lengths", "<i8"),
        )
    }  # fmt: skip
    return read, told


@pytest.mark.usefixtures("small_windows")
@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=23),
    size=st.integers(1, 12),
    around=st.integers(0, 2),
    unread=st.integers(0, 1),
)
def test_every_piece_is_in_one_block(tmp_path_factory, sizes, size, around, unread):
    cut = Cut(size + around, around, unread)
    folder = tmp_path_factory.mktemp("plan")
    found, told = planned(folder, np.cumsum([0, *sizes]), cut)
    totals = np.array(sizes) - unread
    pieces = Pieces(totals, size)
    every = [pieces[number] for number in range(len(pieces))]
    ends = np.minimum(found["begins"] + size, totals[found["documents"]])
    read = list(zip(found["documents"].tolist(), found["begins"].tolist(), ends.tolist(),
                    strict=True))  # fmt: skip
    assert sorted(read) == every
    assert told["cut_documents"] == (totals > size).sum()
    begins = [0, *found["ends"].tolist()]
    assert begins[-1] == len(read)
    blocks = [range(*edges) for edges in pairwise(begins)]
    for block, length in zip(blocks, found["lengths"], strict=True):
        held = [read[place] for place in block]
        assert held == sorted(held)
        assert length == sum(end - begin + around for _, begin, end in held) <= cut.capacity
    # Windows of five documents, or of seven pieces of them, each packed by itself.
    expected = 0
    for first in range(0, len(sizes), 5):
        window = Pieces(totals[first : first + 5], size)
        for begin in range(0, len(window), 7):
            places = window.lengths()[begin : begin + 7] + around
            expected += int(best_fit(places, cut.capacity).max()) + 1
    assert len(blocks) == expected


def corpus(sizes, key="a" * 64):
    """A corpus of zeros in memory; only its lengths matter here."""
    offsets = np.cumsum([0, *sizes])
    return TokenCorpus(
        tokens=np.zeros(offsets[-1], np.uint16), offsets=offsets, bytes=np.ones(len(sizes)),
        ledger=Ledger(len(sizes), 0, 0, 0, 0), hit=True, key=key, seconds=0.0, folder=Path(),
    )  # fmt: skip


def entries():
    return sorted(Path(os.environ["LMKIT_CACHE"]).glob("packing/*/meta.json"))


def test_it_is_planned_once_and_mapped():
    made = plan_packing(corpus([5, 9, 3]), Cut(8, 0, 0))
    assert len(made) == 3  # 8 of the 9, 5 and 3, and the last 1
    assert (made.pieces, made.padded, made.cut_documents) == (4, 7, 1)
    assert [made.block(index)[0].tolist() for index in range(3)] == [[0, 2], [1], [1]]
    assert [made.block(index)[1].tolist() for index in range(3)] == [[0, 0], [0], [8]]
    again = plan_packing(corpus([5, 9, 3]), Cut(8, 0, 0))
    assert again.folder == made.folder
    assert isinstance(again.documents, np.memmap)
    for size, key in ((9, "a" * 64), (8, "b" * 64)):
        assert plan_packing(corpus([5, 9, 3], key), Cut(size, 0, 0)).folder != made.folder
    assert len(entries()) == 3
    assert damage(made.folder, contents=True) is None
    with pytest.raises(IndexError, match="block 3 of 3"):
        made.block(3)


def test_a_pickled_plan_is_mapped_again():
    made = plan_packing(corpus([5, 9, 3] * 1000), Cut(8, 0, 0))
    pickled = pickle.dumps(made)
    assert len(pickled) < 1000
    assert pickle.loads(pickled).ends.tolist() == made.ends.tolist()


def test_a_damaged_plan_is_made_again():
    made = plan_packing(corpus([5, 9, 3]), Cut(8, 0, 0))
    (made.folder / "ends.bin").write_bytes(b"")
    again = plan_packing(corpus([5, 9, 3]), Cut(8, 0, 0))
    assert again.ends.tolist() == [2, 3, 4]


def test_a_dry_run_writes_nothing():
    with pytest.raises(CacheMissError), reading_only():
        plan_packing(corpus([5, 9]), Cut(8, 0, 0))
    with scratch():
        assert len(plan_packing(corpus([5, 9]), Cut(8, 0, 0))) == 2
    assert entries() == []
    made = plan_packing(corpus([5, 9]), Cut(8, 0, 0))
    with reading_only():
        assert plan_packing(corpus([5, 9]), Cut(8, 0, 0)).folder == made.folder


def test_nothing_to_pack_is_no_block(tmp_path):
    told = write_plan(tmp_path, np.array([0, 1, 2]), Cut(8, 0, 1))
    content = {"cut": {"capacity": 8, "around": 0, "unread": 1}}
    (tmp_path / "meta.json").write_text(
        f'{{"dtype": "{told["dtype"]}", "cut_documents": 0, "content": {content!r}}}'.replace(
            "'", '"'
        )
    )
    assert (len(open_plan(tmp_path)), open_plan(tmp_path).padded) == (0, 0)


def test_memory_does_not_grow_with_the_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(packing_plan, "WINDOW_DOCUMENTS", 1000)
    peaks = []
    for documents in (2_000, 20_000):
        sizes = np.random.default_rng(0).integers(1, 200, documents)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        folder = tmp_path / str(documents)
        folder.mkdir()
        tracemalloc.start()
        write_plan(folder, offsets, Cut(128, 0, 0))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
