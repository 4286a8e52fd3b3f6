"""Frequent substrings, against counting them one by one."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.tokenizer_substrings import MAX_PIECE, Positions, frequent_substrings

WORDS = st.dictionaries(st.text("ab▁é🙂", min_size=1, max_size=20), st.integers(1, 5), min_size=1)


def counted(words):
    counts = Counter()
    for word, times in words.items():
        for start in range(len(word)):
            for end in range(start + 1, min(start + MAX_PIECE, len(word)) + 1):
                counts[word[start:end]] += times
    return counts


@given(words=WORDS)
def test_every_frequent_substring_is_found_with_its_count(words):
    positions = Positions(words)
    found = frequent_substrings(positions, most=10**6)
    texts = [
        positions.text(int(first), int(length))
        for first, length in zip(found.first, found.lengths, strict=True)
    ]
    expected = {text: n for text, n in counted(words).items() if n >= 2 or len(text) == 1}
    assert dict(zip(texts, found.counts.astype(int).tolist(), strict=True)) == expected


@given(words=WORDS)
def test_ids_tell_which_substring_begins_at_each_position(words):
    positions = Positions(words)
    found = frequent_substrings(positions, most=10**6)
    for length, ids in enumerate(found.ids, start=1):
        for position in np.flatnonzero(ids < len(found.lengths)):
            piece = ids[position]
            assert found.lengths[piece] == length
            here = positions.text(int(position), length)
            assert here == positions.text(int(found.first[piece]), length)


def test_the_substrings_that_cover_most_are_chosen():
    found = frequent_substrings(Positions({"abcabd": 10, "xy": 12}), most=1)
    assert found.lengths.tolist() == [1] * 6 + [6]  # abcabd covers 60 characters, xy 24
