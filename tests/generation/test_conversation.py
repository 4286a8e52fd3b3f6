"""What a model is asked, turn by turn, and what is left out of it."""

import pytest

from lmkit.errors import DataError
from lmkit.generation.conversation import Conversation

TEMPLATE = (
    "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}a:{% endif %}"
)


@pytest.fixture
def talk(byte_tokenizer, monkeypatch):
    monkeypatch.setattr(byte_tokenizer, "chat_template", TEMPLATE)

    def make(**more):
        return Conversation(byte_tokenizer, **{"room": None, **more})

    return make


def read(conversation, text):
    return conversation.tokenizer.decode(conversation.question(text))


def test_every_turn_is_read_in_order(talk):
    conversation = talk(system="be brief")
    assert read(conversation, "hi") == "s:be brief\nu:hi\na:"
    conversation.answered("hi", "hello")
    assert read(conversation, "who?") == "s:be brief\nu:hi\na:hello\nu:who?\na:"
    assert [message["role"] for message in conversation.messages] == ["system", "user", "assistant"]
    conversation.reset()
    conversation.system = None
    assert read(conversation, "hi") == "u:hi\na:"


def test_the_oldest_turns_go_where_the_context_is_full(talk, caplog):
    conversation = talk(room=40, system="x")
    for number in range(3):
        conversation.answered(f"question {number}", "y")
    assert read(conversation, "q") == "s:x\nu:question 2\na:y\nu:q\na:"
    assert "the oldest 4 of 7 messages are left out from here on" in caplog.text
    caplog.clear()
    assert len(conversation.messages) == 7  # they are kept, to be saved
    read(conversation, "q")
    assert caplog.text == ""  # and it is said once


def test_a_message_that_does_not_fit_alone_is_asked_alone(talk):
    conversation = talk(room=10)
    conversation.answered("a", "b")
    assert read(conversation, "z" * 20) == "u:" + "z" * 20 + "\na:"  # the writer refuses it


def test_a_template_that_refuses_is_told(talk, byte_tokenizer, monkeypatch):
    refusing = "{{ raise_exception('no system here') }}"
    monkeypatch.setattr(byte_tokenizer, "chat_template", refusing)
    with pytest.raises(DataError, match=r"chat template refuses the message: .*no system here"):
        talk(system="x").question("hi")
