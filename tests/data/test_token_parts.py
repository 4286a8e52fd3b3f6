"""Tokens of several parts read as if they lay in one row."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.mixture import Mixture
from lmkit.data.rows import Row
from lmkit.data.token_cache import tokenize_corpus
from lmkit.data.token_parts import TokenParts, tokens_of
from lmkit.recipe.mixture import MixturePart


@given(
    parts=st.lists(st.lists(st.integers(0, 65535), max_size=6), min_size=1, max_size=4),
    start=st.integers(0, 25),
    size=st.integers(0, 25),
)
def test_slices_are_those_of_the_whole(parts, start, size):
    found = TokenParts([np.array(part, dtype=np.uint16) for part in parts])
    whole = [token for part in parts for token in part]
    assert len(found) == len(whole)
    assert found[start : start + size].tolist() == whole[start : start + size]


class Text:
    def __init__(self, name, text):
        self.name, self.text = name, text

    def rows(self):
        yield Row({"text": self.text}, self.name)

    def fingerprint(self):
        return self.text

    def describe(self):
        return []


def test_a_mixture_takes_the_tokens_of_its_parts_from_the_cache(byte_tokenizer):
    parts = (Text("train.0", "a b"), Text("train.1", "c d e"))
    alone = [tokenize_corpus(part, byte_tokenizer, text_column="text") for part in parts]
    mixture = Mixture("train", parts, (MixturePart(path="x"), MixturePart(path="y", repeat=3)))
    found = tokens_of(mixture, byte_tokenizer, text_column="text")
    assert found[0 : len(found)].tolist() == [t for one in alone for t in one.tokens.tolist()]
    again = [tokenize_corpus(part, byte_tokenizer, text_column="text") for part in parts]
    assert all(corpus.hit for corpus in again)
