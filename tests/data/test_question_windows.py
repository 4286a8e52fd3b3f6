"""Windows against those of the tokenizer itself, and places against the text."""

import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmkit.data import question_windows as module
from lmkit.data.question_windows import WindowShape, question_windows
from lmkit.data.questions import Answer, Question
from lmkit.errors import DataError

CONTEXT = "one cat and one dog live in the red house by the door of the house on the hill"
SHAPE = WindowShape(max_length=16, stride=4, longest=8)
# combining marks, ligatures, scripts without spaces, emoji of several code points, odd spaces
HOSTILE = st.text(
    st.sampled_from("aé\u0301ﬁßİ漢字ก😀\u200d👩🏽\u200b\xa0\u3000 \t\n.x\ufeff\ud7ff\U0010ffff"),
    min_size=1,
)


def ask(question, context, *answers):
    return Question(question, context, tuple(Answer(*answer) for answer in answers), "rows:1")


def windows(*questions, tokenizer, shape=SHAPE, keep=True):
    return question_windows(questions, tokenizer, shape, keep=keep, split="train", number=5)


@pytest.mark.parametrize("stride", [1, 3, 9])
def test_windows_are_those_of_the_tokenizer(tiny_bert_tokenizer, stride):
    asked = "one dog live in"  # four tokens: room for nine
    theirs = tiny_bert_tokenizer(
        asked, CONTEXT, truncation="only_second", max_length=16, stride=9 - stride,
        return_overflowing_tokens=True, return_token_type_ids=True, return_offsets_mapping=True,
    )  # fmt: skip
    shape = WindowShape(16, stride, 8)
    found = windows(ask(asked, CONTEXT), tokenizer=tiny_bert_tokenizer, shape=shape)
    ours = [found[0, index] for index in range(len(found))]
    assert [window["input_ids"].tolist() for window in ours] == theirs["input_ids"]
    assert [window["token_type_ids"].tolist() for window in ours] == theirs["token_type_ids"]
    for number, window in enumerate(ours):
        sides = theirs.sequence_ids(number)
        places = zip(window["begins"].tolist(), window["ends"].tolist(), strict=True)
        for side, place, offset in zip(
            sides, places, theirs["offset_mapping"][number], strict=True
        ):
            assert place == (tuple(offset) if side == 1 else (-1, -1))
    assert found.lengths.tolist() == [len(ids) for ids in theirs["input_ids"]]


def test_the_label_is_the_answer_where_a_window_holds_all_of_it(tiny_bert_tokenizer):
    start = CONTEXT.index("red house")
    found = windows(ask("where", CONTEXT, (start, "red house")), tokenizer=tiny_bert_tokenizer)
    held = 0
    for index in range(len(found)):
        window = found[0, index]
        first, last = window["labels"].tolist()
        if (first, last) == (0, 0):
            inside = [b for b in window["begins"].tolist() if start <= b < start + 9]
            assert len(inside) < 2
            continue
        held += 1
        assert CONTEXT[window["begins"][first] : window["ends"][last]] == "red house"
    assert held
    assert found.counts == {"questions": 1, "cut": 0, "lost": 0, "long": 0}
    trained = windows(
        ask("where", CONTEXT, (start, "red house")), tokenizer=tiny_bert_tokenizer, keep=False
    )
    assert set(trained[0, 0]) == {"input_ids", "token_type_ids", "labels"}


def test_a_part_of_a_token_is_the_token(tiny_bert_tokenizer):
    found = windows(ask("where", "the house", (5, "ou")), tokenizer=tiny_bert_tokenizer)
    window = found[0, 0]
    first, last = window["labels"].tolist()
    assert first == last
    assert (window["begins"][first], window["ends"][last]) == (4, 9)


def test_what_does_not_fit_is_counted_and_told(tiny_bert_tokenizer):
    found = windows(ask("the " * 20, CONTEXT, (0, CONTEXT)), tokenizer=tiny_bert_tokenizer)
    assert found.counts == {"questions": 1, "cut": 1, "lost": 1, "long": 1}
    told = list(found.troubles())
    assert told[0].startswith("train data: 1 of 1 questions are cut")
    assert len(told) == 3
    assert found.lengths.max() == 16
    assert (found.labels == 0).all()


@pytest.mark.parametrize(
    ("question", "what"),
    [
        (ask("where", "\u200b"), "context"),
        (ask("\u200b", "house"), "question"),
        (ask("where", "house \u200b", (6, "\u200b")), "answer"),
    ],
)
def test_text_without_a_token_is_refused(tiny_bert_tokenizer, question, what):
    with pytest.raises(DataError, match=f"rows:1: the tokenizer makes no token of the {what}"):
        windows(question, tokenizer=tiny_bert_tokenizer)


def test_contexts_are_tokenized_once(tiny_bert_tokenizer):
    found = windows(
        ask("where", CONTEXT), ask("who", "the house"), ask("why", CONTEXT),
        tokenizer=tiny_bert_tokenizer,
    )  # fmt: skip
    assert len(found.contexts) == 2
    assert found.context_of.tolist() == [0, 1, 0]


@pytest.mark.parametrize("name", ["tiny_bert_tokenizer", "tiny_tokenizer"])
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(context=HOSTILE, data=st.data())
def test_places_match_the_text_whatever_it_holds(request, name, context, data):
    tokenizer = request.getfixturevalue(name)
    start = data.draw(st.integers(0, len(context) - 1))
    text = context[start : data.draw(st.integers(start + 1, len(context)))]
    shape = WindowShape(24, 5, 8)
    try:
        found = windows(ask("a", context, (start, text)), tokenizer=tokenizer, shape=shape)
    except DataError:
        return  # nothing but what the tokenizer leaves out
    for index in range(len(found)):
        window = found[0, index]
        real = window["begins"] >= 0
        for begin, end in zip(window["begins"][real], window["ends"][real], strict=True):
            part = context[begin:end]
            assert part == part.strip()
            assert part
        first, last = window["labels"].tolist()
        if (first, last) != (window["null"],) * 2:
            told = context[window["begins"][first] : window["ends"][last]]
            assert text.strip() in told or told in text or set(text) & set(told)


def test_white_space_is_all_that_python_knows():
    every = [code for code in range(sys.maxunicode + 1) if chr(code).isspace()]
    assert module._SPACES.tolist() == every
    begins, ends = module._trimmed(" \xa0ab  c ", np.array([[0, 4], [4, 8], [0, 2], [3, 3]]))
    assert begins.tolist() == [2, 6, -1, -1]
    assert ends.tolist() == [4, 7, -1, -1]
