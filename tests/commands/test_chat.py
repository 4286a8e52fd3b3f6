"""A talk with a model: what is typed, what is piped, what is told."""

import io
import json

import pytest

from lmkit.commands import chat as module
from lmkit.commands.chat import chat
from lmkit.errors import DataError, ModelError, UsageError
from lmkit.generation.decoding import CausalDecoder
from lmkit.generation.options import GenerationOptions
from lmkit.generation.remembered import Remembered
from lmkit.generation.writer import Writer

OPTIONS = GenerationOptions(greedy=True, max_new_tokens=4)
TEMPLATE = (
    "{% for m in messages %}{% if m.content == 'bad' %}{{ raise_exception('a bad word') }}"
    "{% endif %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"
)


@pytest.fixture
def folder(tiny_gpt2_folder):
    """The tiny model as one that answers."""
    (tiny_gpt2_folder / "chat_template.jinja").write_text(TEMPLATE)
    return tiny_gpt2_folder


@pytest.fixture
def say(folder, monkeypatch, capsys, caplog):
    """`say("hi", "/quit", terminal=True)`: standard output and what was told."""
    caplog.set_level("INFO", "lmkit")

    def call(*lines, terminal=False, options=OPTIONS):
        caplog.clear()
        stream = io.StringIO("".join(f"{line}\n" for line in lines))
        monkeypatch.setattr(stream, "isatty", lambda: terminal)
        monkeypatch.setattr("sys.stdin", stream)
        chat(str(folder), options)
        return capsys.readouterr().out, [record.getMessage() for record in caplog.records]

    return call


@pytest.fixture
def scripted(monkeypatch):
    """What the model was asked; it answers `answer N` in pieces."""
    asked = []

    def answers(writer, prompts, on_text):
        for prompt in prompts:
            asked.append(writer.tokenizer.decode(writer.ask(prompt.text)))
            on_text("answer ")
            if prompt.text == "wait":
                raise KeyboardInterrupt
            on_text(str(prompt.index))
        yield from ()

    monkeypatch.setattr(Writer, "answers", answers)
    return asked


def test_a_real_model_answers_each_line_and_the_turns_add_up(say):
    both, _ = say("the cat", "", "a dog")
    first, _ = say("the cat")
    assert both.startswith(first)
    assert len(both) > len(first) > 1
    alone, _ = say("a dog")
    assert both != first + alone  # the second is answered after the first


def test_what_was_read_is_not_read_again_and_changes_no_answer(say, monkeypatch):
    lines = ("the cat", "/system be kind", "a dog", "and", "/reset", "the cat", "/system", "the")
    read, found = [], CausalDecoder._inputs

    def count(decoder, ids, *more):
        read.append(ids.shape[1])
        return found(decoder, ids, *more)

    monkeypatch.setattr(CausalDecoder, "_inputs", count)
    kept = say(*lines)
    few = sum(read)
    read.clear()
    monkeypatch.setattr(Remembered, "take", lambda *_: (None, 0))
    assert say(*lines) == kept
    assert few < sum(read)


def test_commands(say, scripted, tmp_path):
    saved = tmp_path / "talk.jsonl"
    out, told = say(
        "/system be brief", "hi", "//x", f"/save {saved}", "/reset", "again", f"/save {saved}",
        "/system", "/help", "/quit", "never",
    )  # fmt: skip
    assert out == "answer 1\nanswer 2\nanswer 5\n"
    start = "system: be brief\nuser: "
    assert scripted == [
        f"{start}hi\nassistant:",
        f"{start}hi\nassistant: answer 1\nuser: /x\nassistant:",
        f"{start}again\nassistant:",
    ]
    rows = [json.loads(line)["messages"] for line in saved.read_text().splitlines()]
    assert [len(row) for row in rows] == [5, 3]
    assert rows[0][3] == {"role": "user", "content": "/x"}
    assert told[0] == "the system says: be brief"
    assert f"appended to {saved}: 5 messages" in told
    assert "/reset        forget the conversation" in told[-1]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("/rest", "/rest: is no command; did you mean `/reset`?; /help lists them"),
        ("/save", "/save: name a file"),
        ("/save x", "/save: nothing has been said yet"),
        ("bad", "chat template refuses the message: .*a bad word"),
        ("x" * 400, "the message: has .* tokens; the model reads at most 64"),
    ],
)
def test_what_is_wrong_is_told_and_on_a_terminal_the_talk_goes_on(say, line, says):
    with pytest.raises((UsageError, DataError), match=says.replace("?", r"\?")):
        say(line)
    out, told = say(line, "the cat", terminal=True)
    assert len(out.splitlines()) >= 1
    assert any(says.split(" .*")[0].split(": .*")[0] in text for text in told)


def test_ctrl_c_stops_the_answer_and_keeps_it(say, scripted):
    out, told = say("wait", "go on", terminal=True)
    assert out.replace("> ", "") == "answer \nanswer 1\n"
    assert "(stopped)" in told
    assert scripted[1] == "user: wait\nassistant: answer \nuser: go on\nassistant:"
    with pytest.raises(KeyboardInterrupt):
        say("wait")


def test_ctrl_c_at_the_prompt_begins_a_new_line(monkeypatch):
    typed = iter([KeyboardInterrupt, "hi", EOFError])

    def type_(_prompt=""):
        found = next(typed)
        if isinstance(found, str):
            return found
        raise found

    monkeypatch.setattr("builtins.input", type_)
    assert list(module._lines(terminal=True)) == ["hi"]


def test_a_base_model_is_told_to_be_one(tiny_gpt2_folder):
    with pytest.raises(ModelError, match=r"has no chat template: it is a base model, .* TEXT; "):
        chat(str(tiny_gpt2_folder), OPTIONS)


def test_messages_that_are_not_utf8_are_refused(folder, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(b"caf\xe9\n"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", stream)
    with pytest.raises(UsageError, match="standard input is not UTF-8"):
        chat(str(folder), OPTIONS)
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UsageError, match="standard input, which is closed"):
        chat(str(folder), OPTIONS)
