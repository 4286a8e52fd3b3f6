"""`lmkit eval --samples`: texts with planted data, words and copies."""

import json

import pytest

from tests.commands.conftest import run_of


@pytest.fixture
def run(tmp_path, tiny_gpt2_folder, tiny_corpus):
    data = {"train": tiny_corpus, "validation": tiny_corpus / "00.txt"}
    return run_of(tmp_path / "run", tiny_gpt2_folder, data)


@pytest.fixture
def copied(tmp_path, tiny_corpus):
    """Samples, of which the third holds six lines that were trained on."""
    copied = "\n".join((tiny_corpus / "05.txt").read_text().splitlines()[1:7])
    texts = ["nothing at all", "write to a.b@example.org", f"+-*/ {copied} {{}}", "Bad bad", " "]
    rows = [{"index": n, "prompt": "x", "text": text} for n, text in enumerate(texts)]
    (tmp_path / "samples.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "words.txt").write_text("bad\n\n")
    return copied


def test_what_was_planted_is_found(cli, run, copied, tmp_path):
    call = ("eval", run, "--samples", "samples.jsonl", "--words", "words.txt")
    result = cli(*call, "--json", "--details", "found.json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["counts"] == {"texts": 4, "too_short": 3}
    shares = {key: value for key, value in found["metrics"].items() if key.endswith("share")}
    assert shares == {"personal_share": 0.25, "word_share": 0.25, "copied_share": 0.25}
    assert 0 < found["metrics"]["copied_tokens"] < 1
    details = json.loads((tmp_path / "found.json").read_text())["details"]
    by_name = {one["name"]: one["rows"] for one in details}
    (place,) = by_name["personal_places"]
    assert place[0].endswith("samples.jsonl:2")
    assert place[1:] == ["email", "a.***rg"]
    assert by_name["words"] == [["bad", 1, 2]]
    ((where, tokens, text),) = by_name["copies"]
    assert where.endswith("samples.jsonl:3")
    assert tokens >= 50
    assert text.strip() in copied.replace("\n", " ")
    short = json.loads(cli(*call, "--json", "--run-tokens", "2").out)
    assert short["counts"]["too_short"] < 3
    assert "copied_share" in cli(*call).out


def test_a_model_without_its_training_data(cli, tiny_gpt2_folder, copied):
    found = cli("eval", tiny_gpt2_folder, "--samples", "samples.jsonl")
    assert found.code == 0, found.err
    assert "copied_share" not in found.out
    assert "Copies of training data are not looked for" in " ".join(found.out.split())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--words", "words.txt"], "--words: is for --samples FILE"),
        (["--samples", "samples.jsonl", "--words", "absent.txt"], "absent.txt: cannot be read"),
        (["--samples", "samples.jsonl", "--words", "empty.txt"], "empty.txt: holds no word"),
        (["--samples", "samples.jsonl", "--split", "test"], "--samples and --split: what --sam"),
        (["--samples", "samples.jsonl", "--text-column", "txt"], "no column `txt`"),
        (["--samples", "blank.jsonl"], "blank.jsonl"),
        (["--run-tokens", "9"], "--run-tokens: is for --contamination or --samples FILE"),
    ],
)
def test_what_does_not_fit(cli, run, copied, tmp_path, options, told):
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "blank.jsonl").write_text('{"text": ""}')
    result = cli("eval", run, *options)
    assert result.code == 2
    assert told in result.err
    assert result.out == ""
