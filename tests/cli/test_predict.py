"""`lmkit predict`: its options reach the command under the names of the contract."""

import pytest

from lmkit.commands import predict
from lmkit.commands.predict import PredictOptions


@pytest.fixture
def asked(monkeypatch):
    """What the command was called with."""
    calls = []
    monkeypatch.setattr(predict, "predict", lambda *call: calls.append(call))
    return calls


def test_texts_are_arguments(cli, asked):
    assert cli("predict", "runs/x", "a text", "another").code == 0
    assert asked == [("runs/x", PredictOptions(texts=("a text", "another")))]


def test_every_option(cli, asked):
    words = "predict m --input f.csv --column body --output o.jsonl --batch-size 3 --json --quiet"
    assert cli(*words.split()).code == 0
    expected = PredictOptions(
        input="f.csv", column="body", output="o.jsonl", batch_size=3, as_json=True
    )
    assert asked == [("m", expected)]


def test_a_dash_is_standard_input(cli, asked):
    assert cli("predict", "m", "--input", "-").code == 0
    assert asked[0][1].input == "-"


def test_a_batch_holds_a_text(cli, asked):
    found = cli("predict", "m", "a", "--batch-size", "0")
    assert found.code == 2
    assert "--batch-size" in found.err
    assert not asked


def test_help_says_what_comes_out(cli):
    ended = cli("predict", "--help")
    assert ended.code == 0
    assert '{"text", "label", "scores"}' in ended.out
