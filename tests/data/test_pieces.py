"""Tests of lmkit/data/pieces.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.pieces import Pieces


@given(
    totals=st.lists(st.integers(0, 40), max_size=12),
    size=st.integers(1, 15),
    overlap=st.integers(0, 14),
    keep_empty=st.booleans(),
)
def test_pieces_equal_a_plain_loop(totals, size, overlap, keep_empty):
    stride = max(size - overlap, 1)
    expected = []
    for document, total in enumerate(totals):
        begin, end = 0, min(size, total)
        if total or keep_empty:
            expected.append((document, begin, end))
        while end < total:
            begin += stride
            end = min(begin + size, total)
            expected.append((document, begin, end))
    pieces = Pieces(np.array(totals, dtype=np.int64), size, stride, keep_empty=keep_empty)
    assert len(pieces) == len(expected)
    assert [pieces[number] for number in range(len(pieces))] == expected
    assert pieces.lengths().tolist() == [end - begin for _, begin, end in expected]
    assert pieces.cut() == sum(total > size for total in totals)
    for first in range(0, len(expected) + 1, 3):
        between = pieces.between(first, first + 4)
        found = zip(*(part.tolist() for part in between), strict=True)
        assert list(found) == expected[first : first + 4]


@pytest.mark.parametrize("index", [-1, 3])
def test_a_piece_that_is_not_there_is_refused(index):
    with pytest.raises(IndexError, match="of 3"):
        Pieces(np.array([5]), 2)[index]
