"""Tags, answers and turns: the sequences that are right, and each way to be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.doctor.structure import (
    answer_problem,
    chat_problem,
    choice_problem,
    entity_check,
    pair_problem,
    sharegpt_messages,
    structure_for,
    structure_of,
)
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.options.ner import NerOptions
from lmkit.recipe.options.qa import QAOptions

CONTEXT = "Warsaw is the capital of Poland."


def turns(roles: str) -> list[dict[str, str]]:
    names = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return [{"role": names[role], "content": "hello"} for role in roles]


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


def test_entities_are_checked_in_the_columns_and_the_scheme_of_the_recipe():
    options = NerOptions(name="ner", tokens_column="words", tags_column="ner", scheme="iob1")
    row = {"words": ["a", "b"], "ner": ["O", "I-x"]}
    kind, check = entity_check(options, row)
    assert (kind, check(row)) == ("broken_tags", None)
    _, check = entity_check(options.model_copy(update={"scheme": "iob2"}), row)
    assert check(row) == "token 2 has the tag `I-x` with no span open"
    row = {"text": "a b", "spans": [{"start": 2, "end": 9, "label": "x"}]}
    kind, check = entity_check(options, row)
    assert kind == "broken_spans"
    assert check(row) == "span 1 (2 to 9) is outside the text, which has 3 characters, or empty"
    assert entity_check(options, {"text": "a"}) is None


@pytest.mark.parametrize(
    ("choices", "answer", "problem"),
    [
        (["x", "y"], "x", None),
        (["x", "y"], "B", None),
        (["x", "y"], 1, None),
        (["x", "y"], 2, "the answer 2 is none of the 2 choices"),
        (["x", "y"], "C", "the answer 'C' is none of the 2 choices"),
        (["x", "y"], None, "the answer None is none of the 2 choices"),
        (["x"], "x", "there are fewer than two choices"),
        (["x", "x"], "x", "two choices are equal"),
        (["x", " "], "x", "a choice is no text"),
        ("x, y", "x", "there are fewer than two choices"),
    ],
)
def test_choices(choices: object, answer: object, problem: str | None) -> None:
    assert choice_problem({"choices": choices, "answer": answer}) == problem


def test_columns_tell_choices_and_pairs() -> None:
    found = structure_of({"question": "?", "choices": ["x", "y"], "answer": "x"})
    assert found == ("broken_choices", choice_problem)
    for left, right in (("anchor", "positive"), ("sentence1", "sentence2")):
        found = structure_of({left: "x", right: "y"})
        assert found is not None
        kind, check = found
        assert kind == "missing_side"
        assert check({left: "x", right: "y"}) is None
        assert check({left: "x", right: " "}) == f"`{right}` holds no text"
        assert check({right: "y"}) == f"`{left}` holds no text"


def test_the_columns_of_a_question_are_those_that_its_task_names() -> None:
    found = structure_for(QAOptions(name="qa", context_column="text"))({})
    assert found is not None
    kind, check = found
    assert kind == "answer_offset"
    assert check({"text": CONTEXT, "answer": "Warsaw"}) is None
    told = check({"text": CONTEXT, "answer": "Warsaw", "answer_start": 1})
    assert told == "at 1 stands 'arsaw ', not 'Warsaw'; it stands at 0"
    assert structure_for(CausalLMOptions(name="causal_lm")) is structure_of


def test_sharegpt_is_read_as_messages() -> None:
    said = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
    assert sharegpt_messages(said) == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
    ]
    assert sharegpt_messages([{"role": "user", "content": "a"}, 3]) == [
        {"role": "user", "content": "a"},
        3,
    ]
    found = structure_of({"conversations": said[:1]})
    assert found is not None
    assert found[1]({"conversations": said}) is None
    assert found[1]({"conversations": said[:1]}) == (
        "it ends with the user: there is no answer to learn"
    )


@pytest.mark.parametrize(
    ("chosen", "rejected", "problem"),
    [
        ("a", "b", None),
        ("a", "a", "`chosen` and `rejected` are equal"),
        ("a", " ", "`rejected` is empty"),
        ([], ["b"], "`chosen` is empty"),
    ],
)
def test_preferred_answers(chosen: object, rejected: object, problem: str | None) -> None:
    values = {"prompt": "p", "chosen": chosen, "rejected": rejected}
    assert pair_problem(values) == problem
    found = structure_of(values)
    assert found is not None
    assert found[0] == "preference"
