"""Sentence pairs as examples; their scores by a model: commands/test_bias.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.rows import Row
from lmkit.data.sentence_pairs import (
    SentencePair,
    hidden_shared,
    read_pairs,
    shared_places,
    whole_sentences,
)
from lmkit.errors import DataError
from lmkit.labels import IGNORED

PAIR = SentencePair("the cat sat on the mat", "the dog sat on the mat", "pets", "x:1")


class Listed:
    def __init__(self, *rows):
        self.listed = rows

    def rows(self):
        return (Row(values, f"pairs.csv:{n}") for n, values in enumerate(self.listed, 2))


def test_rows_become_pairs():
    found = read_pairs(Listed({"sent_more": "a", "sent_less": "b", "bias_type": None}))
    assert found == [SentencePair("a", "b", "(none)", "pairs.csv:2")]
    for row, told in (
        ({"sent_more": "a", "sent_lss": "b"}, "no column `sent_less`.*did you mean `sent_lss`"),
        ({"sent_more": "a", "sent_less": "a"}, "pairs.csv:2: `sent_more` and `sent_less` are eq"),
    ):
        with pytest.raises(DataError, match=told):
            read_pairs(Listed(row))


@given(st.lists(st.integers(0, 3), max_size=9), st.lists(st.integers(0, 3), max_size=9))
def test_shared_places_hold_the_same_in_the_same_order(one, other):
    places = shared_places(one, other)
    assert [one[a] for a, _ in places] == [other[b] for _, b in places]
    assert places == sorted(places)
    assert len({a for a, _ in places}) == len({b for _, b in places}) == len(places)


def test_whole_sentences_follow_the_start_token(tiny_tokenizer):
    made = whole_sentences([PAIR], tiny_tokenizer, 64)
    ids = tiny_tokenizer(PAIR.more, add_special_tokens=False)["input_ids"]
    first = made[0, 0]
    assert first["input_ids"].tolist() == [tiny_tokenizer.eos_token_id, *ids[:-1]]
    assert first["labels"].tolist() == ids
    assert made.sentence.tolist() == [0, 1]
    assert made.lengths[0] == len(ids)


def test_shared_tokens_are_hidden_one_by_one(tiny_bert_tokenizer):
    made = hidden_shared([PAIR], tiny_bert_tokenizer, 64)
    mask = tiny_bert_tokenizer.mask_token_id
    half = len(made) // 2
    sides = [
        tiny_bert_tokenizer(text)["input_ids"] for text in (PAIR.more, PAIR.less)
    ]  # with [CLS] and [SEP]
    hidden = [[], []]
    for number, sentence in enumerate(made.sentence.tolist()):
        one = made[0, number]
        (at,) = (one["labels"] != IGNORED).nonzero()[0].tolist()
        assert one["input_ids"][at] == mask
        whole = one["input_ids"].copy()
        whole[at] = one["labels"][at]
        assert whole.tolist() == sides[sentence]
        hidden[sentence].append(int(one["labels"][at]))
    assert hidden[0] == hidden[1]
    assert len(hidden[0]) == half == len(sides[0]) - 2 - 1  # all but the animal


def test_sentences_that_cannot_be_scored(tiny_tokenizer, tiny_bert_tokenizer):
    with pytest.raises(DataError, match=r"x:1: a sentence has .* tokens; allowed: 1 to 3"):
        whole_sentences([PAIR], tiny_tokenizer, 4)
    with pytest.raises(DataError, match="x:1: the two sentences share no token"):
        hidden_shared([SentencePair("cat", "dog", "", "x:1")], tiny_bert_tokenizer, 64)
