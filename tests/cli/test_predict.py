"""`lmkit predict`: its options reach the command under the names of the contract."""

from typing import get_args

import pytest

from lmkit.cli.predict import InputFormat
from lmkit.commands import predict
from lmkit.commands.few_shot import FewShot
from lmkit.commands.predict import PredictOptions
from lmkit.commands.zero_shot import ZeroShotOptions
from lmkit.data.formats import Kind


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
    words = (
        "predict m --input f.csv --column body --input-format tsv --output o.jsonl "
        "--format csv --strict --batch-size 3 --precision float32 --labels a,b --hypothesis {}! "
        "--examples e.csv --shots 4 --seed 5 --json --quiet"
    )
    assert cli(*words.split()).code == 0
    expected = PredictOptions(
        input="f.csv", column="body", input_format="tsv", output="o.jsonl", format="csv",
        strict=True, batch_size=3, precision="float32", as_json=True,
        zero_shot=ZeroShotOptions(("a", "b"), "{}!", examples=FewShot("e.csv", 4, 5)),
    )  # fmt: skip
    assert asked == [("m", expected)]
    assert cli("predict", "m", "a", "--labels", "a", "--multi-label").code == 0
    assert asked[1][1].zero_shot == ZeroShotOptions(("a",), multi_label=True)


def test_a_dash_is_standard_input(cli, asked):
    assert cli("predict", "m", "--input", "-").code == 0
    assert asked[0][1].input == "-"


def test_every_format_of_files_can_be_named():
    # In one order too: `typing` takes literals that differ in it for one, and the schema shows it.
    assert get_args(get_args(get_args(InputFormat)[0])[0]) == get_args(Kind)


def test_a_batch_holds_a_text(cli, asked):
    found = cli("predict", "m", "a", "--batch-size", "0")
    assert found.code == 2
    assert "--batch-size" in found.err
    assert not asked


def test_help_says_what_comes_out(cli):
    ended = cli("predict", "--help")
    assert ended.code == 0
    assert '{"text", "label", "scores"}' in ended.out
    assert "does not stop the others" in " ".join(ended.out.split())
