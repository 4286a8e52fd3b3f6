"""A mixture through the real commands: exact shares, nothing tokenized twice."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmkit.recipe.load import load_recipe

MIXED = (
    "--set", "data.train=[{path: counting.txt, weight: 0.3}, {path: back.jsonl, weight: 0.7}]",
    "--set", "model.config.n_layer=1",
)  # fmt: skip


@pytest.fixture
def recipe(small_recipe: Path, tmp_path: Path) -> Path:
    """The small recipe, and beside its text another one that counts back."""
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    lines = [" ".join(words[(start - i) % 10] for i in range(9)) for start in range(45)]
    rows = "".join(json.dumps({"text": line}) + "\n" for line in lines)
    (tmp_path / "back.jsonl").write_text(rows)
    return small_recipe


def test_the_shares_are_exact_and_told(cli, recipe: Path) -> None:
    ended = cli("pretrain", recipe, "-o", "run", *MIXED)
    assert ended.code == 0, ended.err
    ledger = json.loads(Path("run/manifest.json").read_text())["ledger"]
    one, other = ledger["parts"]
    epoch = ledger["examples"] * 32  # tokens, but for the short last block of a part
    assert one["share"] == pytest.approx(0.3, abs=32 / epoch)
    assert other["share"] == pytest.approx(0.7, abs=32 / epoch)
    assert one["passes"] == 1
    assert other["passes"] == pytest.approx(7 / 3 * one["tokens"] / other["tokens"], rel=0.01)
    assert ledger["dropped"] == 0
    assert re.search(
        r"train\.0: counting\.txt: \d\d\.\d+% of the tokens .*30\.00% asked", ended.err
    )
    resolved = load_recipe("run/recipe.yaml").data
    assert [part.weight for part in resolved.mixture] == [0.3, 0.7]
    assert resolved.mixture[0].path == str(Path("counting.txt").absolute())
    card = Path("run/model/README.md").read_text()
    assert "on counting.txt; " in card or "counting.txt; /" in card


def test_another_weight_tokenizes_nothing(cli, recipe: Path) -> None:
    first = json.loads(cli("data", "prepare", recipe, *MIXED, "--json").out)
    assert first["cache"] == "miss"
    assert list(first["splits"]) == ["train.0", "train.1", "validation"]
    changed = cli("data", "prepare", recipe, *MIXED, "--set", "data.train.0.weight=2", "--json")
    assert json.loads(changed.out)["cache"] == "hit"
    assert "tokenizer: cache hit" in changed.err


def test_a_dry_run_reckons_what_a_run_does(cli, recipe: Path) -> None:
    planned = json.loads(cli("pretrain", recipe, *MIXED, "--dry-run", "--json").out)
    assert cli("pretrain", recipe, "-o", "run", *MIXED).code == 0
    ledger = json.loads(Path("run/manifest.json").read_text())["ledger"]
    assert planned["data"]["examples"] == ledger["examples"]


@pytest.mark.slow
def test_two_processes_learn_what_one_does(
    run_cli: Callable[..., Any], recipe: Path, tmp_path: Path
) -> None:
    still = [f"--set=model.config.{name}_pdrop=0.0" for name in ("resid", "embd", "attn")]
    sgd = ("--set", "train.optim=sgd", "--set", "train.learning_rate=0.5", "--json")
    found = []
    for name, more in (("one", ()), ("two", ("--processes", "2"))):
        ended = run_cli("pretrain", recipe, "-o", name, *MIXED, *still, *sgd, *more)
        assert ended.code == 0, ended.err
        found.append(json.loads(ended.out))
    assert found[0]["metrics"] == pytest.approx(found[1]["metrics"], abs=1e-5)
    assert found[0]["train"]["tokens"] == found[1]["train"]["tokens"]
