"""Chat templates of strangers: they render as transformers does, and harm nothing."""

import time

import pytest

from lmkit.data.chat_template import give_template
from lmkit.data.confined import ConfinedError
from lmkit.data.rendering import Renderer
from lmkit.errors import DataError, TokenizerError

TALK = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "well"}]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
DOUBLING = (
    "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}"
    "{% endfor %}{{ ns.x }}"
)
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.fixture(autouse=True)
def little_memory(monkeypatch):
    monkeypatch.setattr("lmkit.data.confined.MEGABYTES", 64)


def test_it_renders_as_transformers_does(byte_tokenizer):
    byte_tokenizer.chat_template = CHATML
    theirs = [
        byte_tokenizer.apply_chat_template(TALK[:n], tokenize=False, add_generation_prompt=ask)
        for n, ask in ((1, True), (2, False))
    ]
    assert Renderer(byte_tokenizer)([(TALK[:1], True), (TALK, False), ([], True)]) == [*theirs, ""]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (DOUBLING, "needs more than 64 MB of memory"),
        ("{{ 'a' * 10 ** 12 }}", "needs more than 64 MB of memory"),
        ("{{ 'x'.center(2 * 10 ** 7) }}", "it writes 20,000,000 characters"),
        ("{{ messages.append(messages) }}", "is unsafe"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "is unsafe|undefined"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nested too deeply"),
        ("{% include '/etc/passwd' %}", "no loader"),
    ],
)
def test_a_hostile_template_ends_in_an_error(byte_tokenizer, text, told):
    byte_tokenizer.chat_template = text
    with pytest.raises(ConfinedError, match=told):
        Renderer(byte_tokenizer)([(TALK, False)])


def test_a_template_that_does_not_end_is_ended(byte_tokenizer, monkeypatch):
    monkeypatch.setattr("lmkit.data.confined.SECONDS", 0.3)
    begun = time.monotonic()
    with pytest.raises(
        TokenizerError, match=r"chat_template.* cannot be rendered: takes more than"
    ):
        give_template(byte_tokenizer, ENDLESS)
    assert time.monotonic() - begun < 10


def test_one_that_waits_for_its_row_is_ended_there(byte_tokenizer):
    waits = "{% if messages[0].content == 'hello' %}" + DOUBLING + "{% endif %}"
    template = give_template(byte_tokenizer, waits + CHATML)
    with pytest.raises(
        DataError, match=r"row 7: .*refuses the conversation: needs more than 64 MB"
    ):
        template.encode([(TALK, "row 7")])


def test_a_template_writes_no_file(byte_tokenizer, tmp_path):
    mark = tmp_path / "mark"
    calls = "{{ cycler.__init__.__globals__.os.system('touch MARK') }}".replace("MARK", str(mark))
    byte_tokenizer.chat_template = calls
    with pytest.raises(ConfinedError):
        Renderer(byte_tokenizer)([(TALK, False)])
    assert not mark.exists()
