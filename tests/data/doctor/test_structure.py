"""Tags, answers and turns: the sequences that are right, and each way to be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.doctor.structure import (
    answer_problem,
    chat_problem,
    structure_of,
    tag_problem,
)

CONTEXT = "Warsaw is the capital of Poland."


def turns(roles: str) -> list[dict[str, str]]:
    names = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return [{"role": names[role], "content": "hello"} for role in roles]


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ("O B-loc I-loc O B-loc B-loc", None),
        ("B-creative-work I-creative-work", None),
        ("S-loc O B-per I-per E-per U-org B-org L-org", None),
        ("O I-loc", "token 2 has the tag `I-loc` with no span open"),
        ("B-per I-loc", "token 2 has the tag `I-loc` inside a span of per"),
        ("B-per O I-per", "token 3 has the tag `I-per` with no span open"),
        ("B-per E-per I-per", "token 3 has the tag `I-per` with no span open"),
        ("O loc", "token 2 has the tag `loc`, which is neither O nor B-TYPE nor I-TYPE"),
        ("O X-loc", "token 2 has the tag `X-loc`, which is neither O nor B-TYPE nor I-TYPE"),
    ],
)
def test_tags(tags: str, problem: str | None) -> None:
    found = tags.split()
    assert tag_problem(["word"] * len(found), found) == problem


@given(st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b"])))
def test_bio_is_that_each_inside_follows_its_own_kind(tags: list[str]) -> None:
    pairs = zip(["O", *tags], tags, strict=False)
    good = all(tag[0] != "I" or before in (f"B{tag[1:]}", tag) for before, tag in pairs)
    assert (tag_problem(tags, tags) is None) == good


def test_tags_that_are_too_many_numbers_or_missing() -> None:
    assert tag_problem(["a", "b"], ["O"]) == "2 tokens but 1 tags"
    assert tag_problem(["a", "b"], [0, 3]) is None
    assert tag_problem(None, ["O"]) == "tokens or tags are missing"


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({"text": ["Warsaw"], "answer_start": [0]}, None),
        ({"text": ["Warsaw", "Poland"], "answer_start": [0, 25]}, None),
        ({"text": [], "answer_start": []}, None),
        (
            {"text": ["Poland"], "answer_start": [24]},
            "at 24 stands ' Polan', not 'Poland'; it stands at 25",
        ),
        (
            {"text": ["Berlin"], "answer_start": [0]},
            "at 0 stands 'Warsaw', not 'Berlin'; it is nowhere in the context",
        ),
        (
            {"text": ["Poland"], "answer_start": [-7]},
            "at -7 stands '', not 'Poland'; it stands at 25",
        ),
        ({"text": ["a", "b"], "answer_start": [0]}, "2 answers but 1 offsets"),
        ({"text": [""], "answer_start": [0]}, "an answer is empty"),
        ({"text": ["Warsaw"]}, "answers have no `text` or no `answer_start`"),
        (
            {"text": ["Warsaw"], "answer_start": ["0"]},
            "an answer is 'Warsaw' at '0', which is no text and no offset",
        ),
    ],
)
def test_answers(answers: dict[str, list[object]], problem: str | None) -> None:
    assert answer_problem({"context": CONTEXT, "answers": answers}) == problem


@given(st.integers(0, len(CONTEXT)), st.integers(1, 10), st.integers(-3, 3))
def test_an_answer_is_right_only_where_it_stands(start: int, size: int, shift: int) -> None:
    text = CONTEXT[start : start + size]
    if not text:
        return
    row = {"context": CONTEXT, "answers": {"text": [text], "answer_start": [start + shift]}}
    there = start + shift >= 0 and CONTEXT.startswith(text, start + shift)
    assert (answer_problem(row) is None) == there


@pytest.mark.parametrize(
    ("roles", "problem"),
    [
        ("ua", None),
        ("suaua", None),
        ("uata", None),
        ("uatta", None),
        ("uat", None),
        ("au", "message 1: the assistant speaks first"),
        ("uaau", "message 3: assistant after assistant"),
        ("uua", "message 2: user after user"),
        ("usa", "message 2: system after user"),
        ("uta", "message 2: tool after user"),
        ("ta", "message 1: tool after nobody"),
        ("uau", "it ends with the user: there is no answer to learn"),
        ("s", "nobody but the system speaks"),
        ("", "there is no message"),
    ],
)
def test_turns(roles: str, problem: str | None) -> None:
    assert chat_problem(turns(roles)) == problem


def test_messages_that_are_none() -> None:
    assert chat_problem([{"content": "hello"}]) == "message 1 has no role"
    assert chat_problem([{"role": "user", "content": " "}]) == "message 1 (user) is empty"
    unknown = chat_problem([{"role": "asistant", "content": "hello"}])
    assert unknown == "message 1 has the role `asistant`; did you mean `assistant`?"
    called = [*turns("u"), {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]
    assert chat_problem(called) is None


def test_the_check_is_told_by_the_columns() -> None:
    assert structure_of({"text": "a", "label": "b"}) is None
    for values, kind in (
        ({"tokens": ["a"], "tags": ["I-x"]}, "broken_tags"),
        ({"tokens": ["a"], "ner_tags": ["I-x"]}, "broken_tags"),
        ({"context": "a", "answers": {"text": ["b"], "answer_start": [0]}}, "answer_offset"),
        ({"messages": turns("a")}, "chat_roles"),
    ):
        found = structure_of(values)
        assert found is not None
        assert found[0] == kind
        assert found[1](values) is not None
