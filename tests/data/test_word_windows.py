"""Windows of words: each word once, where it has the most context, at its first token."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.entities import Sentence, SentenceReader
from lmkit.data.rows import Row
from lmkit.data.word_windows import encode_words, first_tokens, special_around, window_cuts
from lmkit.errors import TokenizerError, UsageError
from lmkit.labels import IGNORED, NO_TOKEN, SHARED
from lmkit.recipe.options.ner import NerOptions

READER = SentenceReader(NerOptions(name="ner"), "iob2")
IDS = {"O": 0, "B-x": 1, "I-x": 2}


def sentence(text, tags=None):
    found = READER.plain(Row({"text": text}, "x:1"))
    return found._replace(tags=tags or ["O"] * len(found.starts))


@given(st.integers(1, 60), st.integers(1, 20), st.data())
def test_each_token_is_in_the_window_with_the_most_context(size, width, data):
    step = data.draw(st.integers(1, width))
    begins, cuts = window_cuts(size, width, step)

    def context(window, token):
        begin, end = begins[window], min(begins[window] + width, size)
        if not begin <= token < end:
            return -1
        left = size if begin == 0 else token - begin
        return min(left, size if end == size else end - 1 - token)

    assert cuts == sorted(cuts)
    for token in range(size):
        chosen = sum(cut <= token for cut in cuts)
        best = [context(window, token) for window in range(len(begins))]
        assert best[chosen] == max(best) >= 0


@pytest.mark.parametrize("name", ["tiny_bert_tokenizer", "tiny_tokenizer"])
@pytest.mark.parametrize("stride", [None, 1, 5])
def test_no_word_is_lost_or_read_twice(name, stride, request):
    tokenizer = request.getfixturevalue(name)
    sentences = [
        sentence("the cat sat on the mat and looked at the dog " * 3),
        sentence("zq"), sentence("\u200b"), sentence("a dog"),
    ]  # fmt: skip
    sentences = [
        one._replace(tags=["B-x", "I-x", "O"] * len(one.starts)) for one in sentences
    ]  # fmt: skip
    sentences = [one._replace(tags=one.tags[: len(one.starts)]) for one in sentences]
    found = encode_words(sentences, tokenizer, max_length=12, stride=stride, tag_ids=IDS)
    whole = encode_words(sentences, tokenizer, max_length=500, tag_ids=IDS)
    assert len(whole) == 4 < len(found)
    for document, one in enumerate(sentences):
        parts = [found[0, i] for i in range(len(found)) if found[0, i]["document"] == document]
        assert np.concatenate([part["gold"] for part in parts]).tolist() == [
            IDS[tag] for tag in one.tags
        ]
        assert [part["within"] for part in parts] == [0] + [1] * (len(parts) - 1)
        places = np.concatenate([part["places"] for part in parts])
        words = [
            (int(part["input_ids"][place]), int(part["labels"][place]))
            for part in parts
            for place in part["places"]
            if place >= 0
        ]
        alone = whole[0, document]
        assert [(alone["input_ids"][p], alone["labels"][p]) for p in alone["places"] if p >= 0] == (
            words
        )
        assert len(places) == len(one.starts)
        labeled = sum(int((part["labels"] != IGNORED).sum()) for part in parts)
        assert labeled == (places >= 0).sum()
    assert found.lengths.tolist() == [len(found[0, i]["input_ids"]) for i in range(len(found))]
    assert found.lengths.max() == 12


def test_special_tokens_stand_around_each_window(tiny_bert_tokenizer, tiny_tokenizer):
    assert [part.tolist() for part in special_around(tiny_bert_tokenizer)] == [[2], [3]]
    assert [part.tolist() for part in special_around(tiny_tokenizer)] == [[], []]
    found = encode_words([sentence("the dog")], tiny_bert_tokenizer, max_length=12)
    assert found[0, 0]["input_ids"].tolist() == tiny_bert_tokenizer("the dog")["input_ids"]
    assert found[0, 0].keys() == {"input_ids", "places", "document", "within"}


def test_words_that_share_a_token_or_have_none():
    made = Sentence("ab)). \u200b c", [0, 2, 3, 4, 6, 8], [2, 3, 4, 5, 7, 9], [])
    offsets = [(0, 1), (1, 2), (2, 5), (7, 9)]
    assert first_tokens(offsets, made).tolist() == [0, 2, SHARED, SHARED, NO_TOKEN, 3]
    assert first_tokens([], made).tolist() == [NO_TOKEN] * 6
    assert first_tokens([(0, 0), (0, 9)], made).tolist() == [1] + [SHARED] * 5


def test_a_text_of_nothing_still_is_a_sequence(tiny_tokenizer, tiny_bert_tokenizer):
    for tokenizer, length in ((tiny_bert_tokenizer, 3), (tiny_tokenizer, 1)):
        made = Sentence("", [], [], [])
        found = encode_words([made], tokenizer, max_length=8, tag_ids=IDS)
        assert len(found[0, 0]["input_ids"]) == length
        assert len(found[0, 0]["places"]) == 0


@given(st.lists(st.text(min_size=1).filter(str.strip), max_size=4), st.integers(8, 20))
def test_every_word_of_any_text_has_one_place(tiny_bert_tokenizer, texts, length):
    sentences = [sentence(text) for text in texts]
    found = encode_words(sentences, tiny_bert_tokenizer, max_length=length, tag_ids=IDS)
    for document, one in enumerate(sentences):
        parts = [found[0, i] for i in range(len(found)) if found[0, i]["document"] == document]
        assert sum(len(part["places"]) for part in parts) == len(one.starts)
        for part in parts:
            own = part["places"][part["places"] >= 0]
            assert (np.diff(own) > 0).all()
            assert set(np.flatnonzero(part["labels"] != IGNORED)) == set(own)


def test_a_slow_tokenizer_and_a_stride_too_long_are_refused(tiny_bert_tokenizer):
    class Slow:
        is_fast = False
        name_or_path = ""

    with pytest.raises(TokenizerError, match="Slow is not a fast tokenizer, so it cannot tell"):
        encode_words([], Slow(), max_length=8)
    with pytest.raises(UsageError, match="7 is more than the 6 tokens of a text that a window of"):
        encode_words([], tiny_bert_tokenizer, max_length=8, stride=7)
