"""`lmkit eval`: its options reach the command under the names of the contract."""

import pytest

from lmkit.commands import evaluate
from lmkit.commands.eval_options import EvalOptions


@pytest.fixture
def asked(monkeypatch):
    """What the command was called with."""
    calls = []
    monkeypatch.setattr(evaluate, "evaluate", lambda *call: calls.append(call))
    return calls


def test_defaults(cli, asked):
    assert cli("eval", "runs/x").code == 0
    assert asked == [("runs/x", EvalOptions())]


def test_every_option(cli, asked):
    words = (
        "eval gpt2 --data f.txt --split dev --batch-size 3 --stride 4 --text-column body "
        "--pseudo-perplexity --pseudo-tokens 9 --output o.json --json --quiet"
    )
    assert cli(*words.split()).code == 0
    expected = EvalOptions(
        data="f.txt",
        split="dev",
        batch_size=3,
        stride=4,
        text_column="body",
        pseudo_tokens=9,
        output="o.json",
        as_json=True,
    )
    assert asked == [("gpt2", expected)]


def test_the_number_of_hidden_tokens_alone_asks_for_nothing(cli, asked):
    assert cli("eval", "runs/x", "--pseudo-tokens", "9").code == 0
    assert asked[0][1].pseudo_tokens is None


@pytest.mark.parametrize("option", ["--batch-size", "--stride", "--pseudo-tokens"])
def test_numbers_have_a_range(cli, asked, option):
    found = cli("eval", "runs/x", option, "0")
    assert found.code == 2
    assert option in found.err
    assert not asked
