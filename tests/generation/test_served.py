"""What is taken of a request, and what of an answer is passed on."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.generation.served import (
    Held,
    RefusedError,
    check_request,
    events,
    stop_strings,
    whole,
)


def chat(**more):
    return {"messages": [{"role": "user", "content": "hi"}], **more}


def test_a_request_is_settled():
    found = check_request(chat(temperature=0.001, n=1, user="me", stop="x"), chat=True, most=9)
    assert found == chat(temperature=0, max_tokens=9, stream=True)
    found = check_request({"prompt": "a", "max_tokens": 5, "top_p": None}, chat=False, most=9)
    assert found == {"prompt": "a", "max_tokens": 5, "stream": True}
    assert check_request(chat(max_completion_tokens=2), chat=True, most=9)["max_tokens"] == 2
    parts = chat(messages=[{"role": "user", "content": [{"type": "text", "text": "hi"}]}])
    assert check_request(parts, chat=True, most=9)["messages"] == parts["messages"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (chat(max_tokens=10), "max_tokens: 10 is not 1 to 9"),
        (chat(max_tokens=True), "max_tokens: True is not"),
        (chat(max_tokens="5"), "max_tokens: '5' is not"),
        (chat(temperature=-1), "temperature: -1 is not 0 to 2"),
        (chat(temperature=float("nan")), "temperature: nan is not"),
        (chat(top_p="x"), "top_p: 'x' is not"),
        (chat(seed=0.5), "seed: 0.5 is not"),
        (chat(n=2), "n: is not supported"),
        (chat(tools=[]), "tools: is not supported"),
        (chat(generation_config="{}"), "generation_config: is not supported"),
        ({}, "messages: must be a list"),
        (chat(messages=["x"]), r"messages\[0\]: must be an object with a role"),
        (chat(messages=[{"role": "user"}]), r"messages\[0\].content: must be a text"),
        (
            chat(messages=[{"role": "user", "content": [{"type": "image_url"}]}]),
            r"messages\[0\].content: must be a text",
        ),
        (chat(messages=[{"role": "a", "content": "", "tool_calls": []}]), "tool_calls: is not"),
    ],
)
def test_what_is_not_taken_is_named(body, says):
    with pytest.raises(RefusedError, match=says):
        check_request(body, chat=True, most=9)


@pytest.mark.parametrize("prompt", [None, "", ["a"], [1, 2]])
def test_a_prompt_is_a_text(prompt):
    with pytest.raises(RefusedError, match="prompt: must be a text"):
        check_request({"prompt": prompt}, chat=False, most=9)


def test_stop_strings():
    assert stop_strings({}) == []
    assert stop_strings({"stop": "a"}) == ["a"]
    assert stop_strings({"stop": ["a", "b"]}) == ["a", "b"]
    for wrong in ("", [""], [1], ["a"] * 5, {"a": 1}, 7):
        if wrong != "":
            with pytest.raises(RefusedError, match="stop: must be"):
                stop_strings({"stop": wrong})


@given(st.lists(st.text("ab", max_size=3)), st.lists(st.text("ab", min_size=1, max_size=3)))
def test_a_stream_is_the_text_before_the_first_stop(pieces, stops):
    held, passed = Held(stops), ""
    for number, piece in enumerate([*pieces, ""]):
        passed += held.take(piece, last=number == len(pieces))
        if held.stopped:
            break
    # the first stop string that is complete ends the text
    text, ends = "".join(pieces), []
    for end in range(len(text) + 1):
        ends = [text[:end].find(stop) for stop in stops if stop in text[:end]]
        if ends:
            break
    if held.stopped:
        assert any(text.startswith(passed + stop) for stop in stops)
        assert not any(stop in passed for stop in stops)
    else:
        assert (passed, ends) == (text, [])


def sent(*texts, error=None, chat=False):
    """A stream as a handler sends it."""

    async def make():
        for number, text in enumerate([*texts, None]):
            last = number == len(texts)
            inner = {"delta": {"content": text}} if chat else {"text": text or ""}
            choice = {"index": 0, "finish_reason": "length" if last else None, **inner}
            usage = {"total_tokens": 7} if last else None
            chunk = {"id": "1", "created": 2, "model": "m", "choices": [choice], "usage": usage}
            yield f"data: {json.dumps(chunk)}\n\n"
            if error is not None:
                yield f'data: {{"error": "{error}"}}\n\n'

    return make()


@pytest.mark.parametrize("chat", [True, False])
def test_an_answer_is_put_together(chat):
    made = events(sent("one ", "two", chat=chat), [])
    found = asyncio.run(whole(made, len, 3))
    (choice,) = found["choices"]
    assert (choice["message"]["content"] if chat else choice["text"]) == "one two"
    assert (choice["finish_reason"], found["usage"]) == ("length", {"total_tokens": 7})
    made = events(sent("one ", "two st", "op", chat=chat), ["stop", "zzz"])
    found = asyncio.run(whole(made, len, 3))
    (choice,) = found["choices"]
    assert (choice["message"]["content"] if chat else choice["text"]) == "one two "
    assert choice["finish_reason"] == "stop"
    assert found["usage"] == {"prompt_tokens": 3, "completion_tokens": 8, "total_tokens": 11}


@pytest.mark.parametrize("text", ["no memory", 'a "word"'])
def test_a_failure_in_the_middle_is_one(text):
    with pytest.raises(RuntimeError, match=text):
        asyncio.run(whole(events(sent("a", error=text), []), len, 3))
