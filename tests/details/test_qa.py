"""Details of answers to questions."""

from types import SimpleNamespace

import numpy as np
import pytest

from lmkit.data.question_windows import QuestionWindows
from lmkit.data.questions import Answer, Question
from lmkit.details.qa import details, question_word
from lmkit.evaluation.question_scores import judged
from lmkit.evaluation.span_search import WindowAnswers

CONTEXT = "Ada wrote the first program in 1843."
QUESTIONS = [
    Question("Who wrote it?", CONTEXT, (Answer(0, "Ada"),), "q:1"),
    Question("In what year?", CONTEXT, (Answer(31, "1843"),), "q:2"),
    Question("Name the place.", CONTEXT, (), "q:3"),
]


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Who is it?", "who"),
        ("To whom was it sent?", "who"),
        ("In the year 1900, how many were there?", "how"),
        ("WHAT, when and where?", "what"),
        ("Name it.", "other"),
    ],
)
def test_the_question_word(question, word):
    assert question_word(question) == word


@pytest.fixture
def found(scored, by_name):
    windows = [
        WindowAnswers(0, -5.0, [(3.0, 0, 3)]),
        WindowAnswers(1, -5.0, [(1.0, 0, 3)]),
        WindowAnswers(1, -5.0, [(0.0, 31, 35)]),  # right, but in the worse window
        WindowAnswers(2, -5.0, [(2.0, 4, 9)]),
    ]
    rows = {"nll": [0.5, 3.0, 5.0, 2.0], "count": [2, 2, 2, 2]}
    for window in windows:
        right = QUESTIONS[window.question].answers
        for name, value in judged(window, CONTEXT, right).items():
            rows.setdefault(name, []).append(value)
    rows["validation"] = [False] * 4
    unused = np.zeros(0, np.int64)
    examples = QuestionWindows(
        None, QUESTIONS, [], [], unused, unused, unused, unused, unused, {}, "test", 1
    )
    task = SimpleNamespace(may_be_none=True, threshold=0.0)
    return by_name(details(scored(task, rows, [], examples=examples)))


def test_by_question_word_and_answer(found):
    words = found["by_question_word"].rows
    assert [row[:3] for row in words] == [["what", 1, 0.0], ["who", 1, 1.0], ["other", 1, 0.0]]
    answers = found["by_answer"].rows
    assert [row[:3] for row in answers] == [["(no answer)", 1, 0.0], ["1", 2, 0.5]]
    assert "by_length" not in found  # all are asked of one context


def test_the_worst_with_the_answer_that_was_given(found):
    assert [row[:5] for row in found["worst_mistakes"].rows] == [
        ["q:2", 2.0, "1843", "Ada", "In what year?"],
        ["q:3", 1.0, "(no answer)", "wrote", "Name the place."],
    ]
