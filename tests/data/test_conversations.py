"""Rows of every shape give the same conversation; what is no conversation is refused by its row."""

import pytest

from lmkit.data.conversations import conversation
from lmkit.data.rows import Row
from lmkit.errors import DataError
from lmkit.recipe.options.chat import ChatOptions

ASKED = {"role": "user", "content": "who?"}
SAID = {"role": "assistant", "content": "me"}

SHAREGPT = [{"from": "human", "value": "who?"}, {"from": "gpt", "value": "me"}]


def read(values, **options):
    return conversation(Row(values, "a.jsonl:7"), ChatOptions(name="chat", **options))


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({"messages": [ASKED, SAID]}, {}),
        ({"conversations": SHAREGPT}, {}),
        ({"prompt": "who?", "completion": "me"}, {}),
        ({"prompt": [ASKED], "completion": [SAID]}, {}),
        ({"instruction": "who?", "input": "", "output": "me"}, {}),
        ({"instruction": "who?", "output": "me"}, {}),
        ({"talk": [ASKED, SAID], "messages": "no"}, {"messages_column": "talk"}),
        ({"q": "who?", "a": "me"}, {"prompt_column": "q", "completion_column": "a"}),
        ({"messages": [ASKED, SAID, {"role": "user", "content": "and?"}]}, {}),
    ],
)  # fmt: skip
def test_each_shape(values, options):
    assert read(values, **options) == [ASKED, SAID]


def test_the_input_follows_the_instruction():
    (asked, _) = read({"instruction": "Sum up.", "input": "A text.", "output": "me"})
    assert asked["content"] == "Sum up.\n\nA text."


def test_a_system_message_is_given_where_there_is_none():
    own = {"role": "system", "content": "own"}
    assert read({"messages": [ASKED, SAID]}, system="be kind")[0] == {
        "role": "system", "content": "be kind",
    }  # fmt: skip
    assert read({"messages": [own, ASKED, SAID]}, system="be kind") == [own, ASKED, SAID]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"messages": [ASKED, ASKED, SAID]}, "message 2: user after user"),
        ({"messages": [SAID]}, "message 1: the assistant speaks first"),
        ({"messages": [ASKED]}, "it ends with the user: there is no answer to learn"),
        ({"messages": []}, "there is no message"),
        ({"messages": [ASKED, {"role": "assistent", "content": "me"}]}, "did you mean `?assistant"),
        ({"messages": [ASKED, {"role": "assistant", "content": " "}]}, r"2 \(assistant\) is empty"),
        ({"messages": [{"role": "user", "content": [1]}, SAID]}, r"1 \(user\) holds a list"),
        ({"messages": ["who?", "me"]}, "no list of messages"),
        ({"prompt": "who?", "completion": ""}, "column `completion` is blank"),
        ({"text": "who?"}, "no conversation is found in the columns `text`; a row has `messages`"),
    ],
)
def test_what_is_no_conversation(values, told):
    with pytest.raises(DataError, match=rf"a\.jsonl:7: .*{told}"):
        read(values)


def test_a_named_column_that_is_not_there():
    with pytest.raises(DataError, match=r"no column `talk`; the columns are `tall`; did you mean"):
        read({"tall": []}, messages_column="talk")
