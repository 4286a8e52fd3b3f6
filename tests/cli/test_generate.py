"""`lmkit generate`: its options reach the command, and the command behaves in a shell."""

import json
import os
import subprocess
import sys

import pytest

from lmkit.commands import generate
from lmkit.generation.options import GenerationOptions


@pytest.fixture
def asked(monkeypatch):
    """What the two commands were called with; prompts as their texts."""
    calls = []

    def note(name):
        def command(target, prompts, *rest, **more):
            texts = [prompt.text for prompt in prompts]
            calls.append((name, target, texts, *rest, *(key for key in more if more[key])))

        return command

    monkeypatch.setattr(generate, "generate_text", note("text"))
    monkeypatch.setattr(generate, "generate_lines", note("lines"))
    return calls


def test_defaults(cli, asked):
    assert cli("generate", "runs/x").code == 0
    assert cli("generate", "runs/x", "a", "b c").code == 0
    assert asked == [
        ("text", "runs/x", [""], GenerationOptions()),
        ("text", "runs/x", ["a", "b c"], GenerationOptions()),
    ]


def test_every_option(cli, asked):
    words = (
        "generate gpt2 p --output o.jsonl --max-new-tokens 5 --temperature 0.5 --top-k 3 "
        "--top-p 0.9 --num-return-sequences 2 --seed 4 --stop a --stop b "
        "--repetition-penalty 1.1 --batch-size 6 --json --quiet --resume"
    )
    assert cli(*words.split()).code == 0
    assert cli("generate", "gpt2", "--greedy", "--num-beams", "3").code == 0
    options = GenerationOptions(
        max_new_tokens=5,
        temperature=0.5,
        top_k=3,
        top_p=0.9,
        num_return_sequences=2,
        seed=4,
        stop=("a", "b"),
        repetition_penalty=1.1,
        batch_size=6,
    )
    assert asked[0] == ("lines", "gpt2", ["p"], options, "o.jsonl", "resume")
    assert asked[1][3] == GenerationOptions(greedy=True, num_beams=3)


def test_a_file_gives_json_lines(cli, asked, tmp_path):
    (tmp_path / "p.jsonl").write_text('{"q": "one"}\n{"q": "two"}\n')
    assert cli("generate", "gpt2", "--input", "p.jsonl", "--column", "q").code == 0
    assert asked == [("lines", "gpt2", ["one", "two"], GenerationOptions(), None)]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("p", "--input", "f.txt"), "--input and prompts as arguments: give one of the two"),
        (("p", "--column", "q"), "--column: names a column of --input, which is not given"),
        (("p", "--resume"), "--resume: goes on with the file that --output names"),
        (("p", "--chat", "--json"), "leave out prompts as arguments, --json"),
        (("--input", "f.txt"), "--input f.txt: there is no such file"),
        (("p", "--temperature", "-1"), "--temperature: -1.0 is not 0 (greedy) or more"),
        (("p", "--greedy", "--top-k", "5"), "--greedy takes the likeliest token"),
        (("p", "--max-new-tokens", "x"), "--max-new-tokens"),
    ],
)
def test_what_does_not_fit_together_is_told_at_once(cli, asked, words, text):
    found = cli("generate", "gpt2", *words)
    assert (found.code, found.out) == (2, "")
    assert text in found.err
    assert not asked


def test_a_masked_model_is_refused(cli, tiny_bert_folder):
    found = cli("generate", tiny_bert_folder, "x")
    assert found.code == 2
    assert "BertForMaskedLM fills in masked tokens and does not write" in found.err
    assert found.out == ""


@pytest.mark.slow
def test_the_real_command_reads_standard_input_and_repeats_itself(
    run_cli, cli, tiny_gpt2_folder, tmp_path
):
    words = ("generate", tiny_gpt2_folder, "--seed", "3", "--max-new-tokens", "5", "--input")
    first = run_cli(*words, "-", stdin="the cat\na dog\n")
    assert first.code == 0, first.err
    rows = [json.loads(line) for line in first.out.splitlines()]
    assert [(row["index"], row["prompt"]) for row in rows] == [(0, "the cat"), (1, "a dog")]
    assert all(set(row) == {"index", "prompt", "text"} for row in rows)
    (tmp_path / "prompts.txt").write_text("the cat\na dog\n")
    again = cli(*words, "prompts.txt", "--batch-size", "1", "--quiet")
    assert again.out == first.out


@pytest.mark.slow
def test_a_closed_pipe_ends_quietly(tiny_gpt2_folder, tmp_path):
    (tmp_path / "many.txt").write_text("the cat\n" * 2000)
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "lmkit", "generate", str(tiny_gpt2_folder), "--quiet",
         "--input", str(tmp_path / "many.txt"), "--greedy", "--max-new-tokens", "1"],
        stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=120,
    )  # fmt: skip
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, "")
