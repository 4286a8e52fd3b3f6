"""Files, columns and texts of `generate`, with a model that has learned one line by heart."""

import json
import sys

import pytest
import torch

from lmkit.commands.generate import generate_lines, generate_text
from lmkit.errors import UsageError
from lmkit.generation.options import GenerationOptions
from lmkit.generation.prompts import Prompt, from_arguments

LINE = "the house on the hill has a red door"
GREEDY = GenerationOptions(greedy=True, max_new_tokens=40)


@pytest.fixture
def learned(tiny_gpt2, tiny_tokenizer, tmp_path):
    """A folder with a model that has learned LINE, after a start token and without, and its end."""
    end = tiny_tokenizer.eos_token
    texts = [
        tiny_tokenizer(text, return_tensors="pt")["input_ids"]
        for text in (end + LINE + end, LINE + end)
    ]
    optimizer = torch.optim.Adam(tiny_gpt2.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        for ids in texts:
            logits = tiny_gpt2(input_ids=ids).logits[0, :-1]
            torch.nn.functional.cross_entropy(logits, ids[0, 1:]).backward()
        optimizer.step()
    tiny_gpt2.save_pretrained(tmp_path / "learned")
    tiny_tokenizer.save_pretrained(tmp_path / "learned")
    return str(tmp_path / "learned")


def _rows(text):
    return [json.loads(line) for line in text.splitlines()]


def test_what_was_learned_is_written(learned, capsys, caplog):
    caplog.set_level("INFO", "lmkit")
    generate_lines(learned, from_arguments(["the house", "the house on the hill"]), GREEDY, None)
    assert _rows(capsys.readouterr().out) == [
        {"index": 0, "prompt": "the house", "text": " on the hill has a red door"},
        {"index": 1, "prompt": "the house on the hill", "text": " has a red door"},
    ]
    assert "2 texts, " in caplog.text


def test_people_get_the_prompt_and_its_continuation(learned, capsys):
    generate_text(learned, from_arguments(["the house"]), GREEDY)
    assert capsys.readouterr().out == f"{LINE}\n"
    generate_text(learned, from_arguments(["the house", ""]), GREEDY)
    assert capsys.readouterr().out == f"{LINE}\n\n{LINE}\n"


def test_a_terminal_sees_the_text_as_it_is_written(learned, capsys, monkeypatch):
    pieces = []
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(sys.stdout, "write", pieces.append)
    generate_text(learned, from_arguments(["the house"]), GREEDY)
    assert "".join(pieces) == f"{LINE}\n"
    assert len(pieces) > 5


def test_a_stop_string_is_left_out(learned, capsys):
    options = GenerationOptions(greedy=True, stop=("d door", "zz"))
    generate_text(learned, from_arguments(["the house"]), options)
    assert capsys.readouterr().out == "the house on the hill has a re\n"


def test_columns_of_the_input_come_back_but_never_over_ours(learned, tmp_path, caplog):
    prompts = [
        Prompt(0, "the house", "x:1", {"id": 7, "text": "theirs"}),
        Prompt(1, "the house on", "x:2", {"id": None}),
    ]
    generate_lines(learned, prompts, GREEDY, str(tmp_path / "out.jsonl"))
    first, second = _rows((tmp_path / "out.jsonl").read_text())
    assert first == {
        "index": 0, "prompt": "the house", "text": " on the hill has a red door", "id": 7,
    }  # fmt: skip
    assert second["id"] is None
    assert "columns of the input that were written over: text" in caplog.text


def test_sequences_have_a_line_each(learned, capsys):
    options = GenerationOptions(num_return_sequences=2, seed=1, max_new_tokens=3)
    generate_lines(learned, from_arguments(["the house"]), options, None)
    rows = _rows(capsys.readouterr().out)
    assert [(row["index"], row["sequence"]) for row in rows] == [(0, 0), (0, 1)]


@pytest.mark.parametrize(
    ("name", "text"), [("", "is a folder; name a file"), ("no/out.jsonl", "there is no folder")]
)
def test_an_output_that_cannot_be_is_told_before_the_model_is_opened(tmp_path, name, text):
    with pytest.raises(UsageError, match=text):
        generate_lines("no-such-model", [], GREEDY, str(tmp_path / name))
