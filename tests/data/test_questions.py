"""Rows to questions: each layout of answers, and each way in which they do not fit."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.formats import DataFile
from lmkit.data.json_rows import read_json
from lmkit.data.questions import (
    Answer,
    QuestionColumns,
    read_questions,
    some_are_unanswered,
)
from lmkit.data.rows import Row
from lmkit.data.text import Reading
from lmkit.errors import DataError

CONTEXT = "Ann met Bob. Then Bob left."
COLUMNS = QuestionColumns()


class Split:
    """Rows in memory."""

    name = "train"

    def __init__(self, *answers):
        self.answers = answers

    def rows(self):
        for number, answers in enumerate(self.answers, start=1):
            yield row({"answers": answers}, f"rows.jsonl:{number}")


def row(values, origin="rows.jsonl:7"):
    return Row({"question": "Who left?", "context": CONTEXT, **values}, origin)


def answers(values, columns=COLUMNS):
    return columns.read(row(values), answered=True).answers


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"answers": {"text": ["Bob", "Ann"], "answer_start": [18, 0]}}, [(18, "Bob"), (0, "Ann")]),
        ({"answers": [{"text": "Bob", "answer_start": 8}]}, [(8, "Bob")]),
        ({"answers": {"text": [], "answer_start": []}}, []),
        ({"answers": []}, []),
        ({"answers": None}, []),
        ({"answer": ""}, []),
        ({"answer": "Bob", "answer_start": 18}, [(18, "Bob")]),
        ({"answer": "Bob", "answer_start": "18"}, [(18, "Bob")]),
        ({"answer": "Bob", "answer_start": 18.0}, [(18, "Bob")]),
        ({"answer": "Ann"}, [(0, "Ann")]),
        ({"answer": "Ann", "answer_start": ""}, [(0, "Ann")]),
        ({"answers": ["Ann", "Then"]}, [(0, "Ann"), (13, "Then")]),
    ],
)
def test_layouts(values, found):
    assert answers(values) == tuple(Answer(*pair) for pair in found)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"answer": "Bob"}, "the answer 'Bob' is in the context more than once; say which is"),
        ({"answer": "Eve"}, "the answer 'Eve' is nowhere in the context"),
        ({"answer": "Bob", "answer_start": 17}, "at 17 stands ' Bo', not 'Bob'; it stands at 8"),
        ({"answer": "Bob", "answer_start": "x"}, "an answer is 'Bob' at 'x', which is no text"),
        ({"answers": 3}, "the answers are 3, neither text nor SQuAD's"),
        ({"answers": {"text": ["Bob"]}}, "answers have no `text` or no `answer_start`"),
        ({"answers": {"text": ["Bob"], "answer_start": [8, 18]}}, "1 answers but 2 offsets"),
        ({"answers": {"text": [""], "answer_start": [8]}}, "an answer is empty"),
        ({"answrs": {}}, "no column `answers` (or `answer`); the columns are `question`, "),
        ({"answer": "Ann", "question": " "}, "column `question` is blank"),
        ({"answer": "Ann", "context": None}, "column `context` is null"),
        ({"answer": "Ann", "context": "Ann \ud83d"}, "column `context` holds half of a surrogate"),
    ],
)
def test_what_does_not_fit_is_told_with_its_row(values, says):
    with pytest.raises(DataError) as caught:
        answers(values)
    assert str(caught.value).startswith("rows.jsonl:7: ")
    assert says in str(caught.value)


def test_columns_of_other_names():
    columns = QuestionColumns("q", "text", "spans")
    values = {"q": "?", "text": CONTEXT, "spans": {"text": ["Ann"], "answer_start": [0]}}
    assert columns.read(Row(values, ""), answered=True).answers == (Answer(0, "Ann"),)
    assert columns.problem(values) is None
    values["spans"] = {"text": ["Ann"], "answer_start": [1]}
    assert columns.problem(values) == "at 1 stands 'nn ', not 'Ann'; it stands at 0"
    with pytest.raises(DataError, match="no column `spans`; the columns are `question`"):
        columns.read(Row({"question": "?", "q": "?", "text": "x"}, "f:1"), answered=True)


def test_without_answers_none_is_read():
    assert COLUMNS.read(row({"answers": "nowhere"}), answered=False).answers == ()


@given(context=st.text(min_size=1), data=st.data())
def test_a_part_of_a_context_is_its_answer(context, data):
    start = data.draw(st.integers(0, len(context) - 1))
    text = context[start : data.draw(st.integers(start + 1, len(context)))]
    values = {"question": "?", "context": context, "answer": text, "answer_start": start}
    if not text.strip() or not context.strip():
        return
    (answer,) = COLUMNS._answers(values, context)
    assert context[answer.start : answer.end] == answer.text == text
    del values["answer_start"]
    times = sum(context.startswith(text, at) for at in range(len(context)))
    assert (COLUMNS.problem(values) is None) == (times == 1)


def test_a_question_without_an_answer_is_learned_or_refused():
    none, one = {"text": [], "answer_start": []}, {"text": ["Ann"], "answer_start": [0]}
    assert some_are_unanswered(Split(one, none), COLUMNS, may_be_none=True)
    assert not some_are_unanswered(Split(one, one), COLUMNS, may_be_none=True)
    with pytest.raises(DataError, match=r"rows\.jsonl:2: the question has no answer"):
        list(read_questions(Split(one, none), COLUMNS, may_be_none=False))
    with pytest.raises(DataError, match="none of the 2 questions has an answer"):
        some_are_unanswered(Split(none, none), COLUMNS, may_be_none=True)


def test_json_rows_give_what_is_read(tmp_path):
    qas = [
        {"id": "1", "question": "Who?", "answers": [{"text": "Ann", "answer_start": 0}]},
        {"id": "2", "question": "Why?", "is_impossible": True},
        {"id": "3", "question": "When?"},
    ]
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": CONTEXT, "qas": qas}]}]}))
    first, second, third = read_json(DataFile(path, "json", ""), Reading())
    assert COLUMNS.read(first, answered=True).answers == (Answer(0, "Ann"),)
    assert COLUMNS.read(second, answered=True).answers == ()
    with pytest.raises(DataError, match="row 3: no column `answers`"):
        COLUMNS.read(third, answered=True)
