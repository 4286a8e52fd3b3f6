"""Questions about source: what the interpreter itself says is what is asked for."""

import ast

import pytest

from lmkit.data.questions import QuestionColumns, read_questions
from lmkit.data.rows import Row
from lmkit.data.stdlib import open_stdlib
from lmkit.data.stdlib_qa import questions
from lmkit.recipe.options.qa import QAOptions
from lmkit.recipe.sections import DataSection

SOURCE = """\
def fetch(self, name, /, größe=("é", 1), *, limit: int = 5, **rest):
    if limit < 0:
        raise ValueError("ü")
    try:
        return name
    except KeyError:
        raise errors.Missing from None
"""


def asked(text):
    return {
        row.values["question"]: row.values["answers"]
        for row in questions(Row({"text": text, "path": "p.py"}, "stdlib:p.py:1"))
    }


def test_answers_stand_where_they_are_said_to():
    found = asked(SOURCE)
    raised = found["Which exception does fetch raise?"]
    assert raised["text"] == ["ValueError", "errors.Missing"]
    assert found["What is the default of größe in fetch?"]["text"] == ['("é", 1)']
    assert found["What is the default of limit in fetch?"]["text"] == ["5"]
    for answers in found.values():
        for text, start in zip(answers["text"], answers["answer_start"], strict=True):
            assert SOURCE[start:].startswith(text)
    assert not any("self" in question for question in found)


def test_what_has_no_answer_is_asked_now_and_then():
    texts = [f"def f{number}(name):\n    return name\n" for number in range(100)]
    found = [answers for text in texts for answers in asked(text).values()]
    assert 10 <= len(found) <= 45  # of 200
    assert all(answers["text"] == [] for answers in found)


def test_bases_and_what_cannot_be_parsed():
    found = asked("class Dog(animals.Animal, Named):\n    pass\n")
    assert found == {
        "What is the base class of Dog?": {
            "text": ["animals.Animal", "Named"], "answer_start": [10, 26],
        }
    }  # fmt: skip
    assert asked("    def indented(a=1):\n        pass\n") == {}
    assert asked("def f(a=1):\n    '" + "x" * 3000 + "'\n") == {}


@pytest.mark.slow
def test_every_question_of_the_library_reads():
    splits = open_stdlib(DataSection(dataset="stdlib"), QAOptions(name="qa"))
    columns = QuestionColumns()
    contexts = []
    for source in splits:
        found = list(read_questions(source, columns, may_be_none=True))
        contexts.append({question.context for question in found})
        empty = sum(not question.answers for question in found) / len(found)
        assert 0.1 < empty < 0.4
        assert len(found) > 200
        for question in found:
            for answer in question.answers:
                ast.parse(answer.text, mode="eval")
    assert not contexts[0] & contexts[2]
    assert not contexts[1] & contexts[2]
