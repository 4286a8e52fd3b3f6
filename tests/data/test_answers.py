"""Conversations as arrays: labels, cuts and blocks, against lists put together by hand."""

import copy

import numpy as np
import pytest

from lmkit.data.answers import PackedAnswers, encode_answers, wanted
from lmkit.data.chat_template import Tokens, give_template
from lmkit.data.rows import Row
from lmkit.labels import IGNORED, SEGMENTS
from lmkit.recipe.options.chat import ChatOptions

SAID = ("on the mat", "in the red house on the hill")


def row(number, answers=SAID):
    messages = []
    for answer in answers:
        messages += [
            {"role": "user", "content": "the cat?"}, {"role": "assistant", "content": answer}
        ]  # fmt: skip
    return Row({"messages": messages}, f"row {number}")


@pytest.fixture
def encoded(tiny_tokenizer):
    """A function from rows and options to the arrays and the tokenizer."""
    tokenizer = copy.deepcopy(tiny_tokenizer)
    template = give_template(tokenizer, "chatml")

    def encode(rows, **options):
        made = {"max_length": 200} | options
        return encode_answers(rows, template, ChatOptions(name="chat", **made)), tokenizer

    return encode


@pytest.mark.parametrize(
    ("train_on", "wanted"),
    [
        ("answers", [f"{SAID[0]}<|im_end|>", f"{SAID[1]}<|im_end|>"]),
        ("last_answer", [f"{SAID[1]}<|im_end|>"]),
    ],
)
def test_labels_are_the_answers_and_their_ends(encoded, train_on, wanted):
    found, tokenizer = encoded([row(1)], train_on=train_on)
    item = found[0, 0]
    predicted = item["labels"] != IGNORED
    assert tokenizer.decode(item["labels"][predicted]) == "".join(wanted)
    np.testing.assert_array_equal(item["labels"][:-1][predicted[:-1]],
                                  item["input_ids"][1:][predicted[:-1]])  # fmt: skip
    assert item["length"] == len(item["input_ids"]) == found.lengths[0]


def test_all_is_every_token_but_the_first(encoded):
    found, _ = encoded([row(1)], train_on="all")
    item = found[0, 0]
    assert (item["labels"] != IGNORED).all()
    assert found.counts()["predicted"] == found.counts()["tokens"] == len(item["labels"])


def test_a_cut_keeps_the_beginning_and_what_has_no_answer_is_left_out(encoded):
    rows = [row(1), row(2, SAID[:1]), row(3, ["a"])]
    whole, _ = encoded(rows)
    limit = int(whole.lengths[1]) + 1
    found, _ = encoded(rows, max_length=limit)
    assert (found.cut, found.unanswered, len(found)) == (1, 0, 3)
    np.testing.assert_array_equal(found[0, 0]["input_ids"], whole[0, 0]["input_ids"][: limit - 1])
    np.testing.assert_array_equal(found[0, 1]["labels"], whole[0, 1]["labels"])
    short, _ = encoded(rows, max_length=8)
    assert (len(short), short.unanswered) == (0, 3)
    last, _ = encoded(rows, max_length=limit, train_on="last_answer")
    assert (len(last), last.unanswered, last.cut) == (2, 1, 0)


def test_of_a_conversation_without_a_marked_answer_nothing_is_predicted():
    unmarked = Tokens([1, 2, 3], [0, 0, 0])
    assert not wanted(unmarked, "last_answer").any()
    assert not wanted(unmarked, "answers").any()
    assert wanted(Tokens([1, 2, 3], [0, 1, 2]), "last_answer").tolist() == [False, False, True]


def test_blocks_hold_every_conversation_once(encoded):
    rows = [row(n, ["the dog " * (n % 5 + 1)]) for n in range(40)]
    found, _ = encoded(rows, max_length=64)
    packed = PackedAnswers(found, 64)
    assert len(packed) < 40
    seen = []
    for index in range(len(packed)):
        block = packed[0, index]
        assert len(block["input_ids"]) == packed.lengths[index] <= 64
        for segment in range(1, block[SEGMENTS].max() + 1):
            own = block[SEGMENTS] == segment
            seen.append((block["input_ids"][own].tolist(), block["labels"][own].tolist()))
    alone = [(found[0, n]["input_ids"].tolist(), found[0, n]["labels"].tolist()) for n in range(40)]
    assert sorted(seen) == sorted(alone)
    assert packed.counts()["conversations"] == 40
    assert packed.counts()["tokens"] == packed.lengths.sum()
