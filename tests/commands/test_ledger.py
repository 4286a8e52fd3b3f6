"""What becomes of the training data, as it is told and kept."""

import json
from pathlib import Path

import pytest

from lmkit.commands.ledger import ledger_lines


def test_shares_stand_beside_the_counts() -> None:
    ledger = {"documents": 1200, "cut": 30, "tokens": 5000, "dropped": 0, "padding": 0.0214}
    assert ledger_lines(ledger) == [
        "train: 1,200 documents, 30 of them cut (2.5 %), 5,000 tokens, 0 dropped, 2.14 % of the "
        "places in a batch are padding"
    ]
    assert ledger_lines({"examples": 8, "cut": 1}) == ["train: 8 examples, 1 of them cut (12.5 %)"]
    several = {"examples": 8, "texts": 16, "cut": 4}
    assert ledger_lines(several) == ["train: 8 examples, 16 texts, 4 of them cut (25 %)"]


@pytest.mark.parametrize("packing", ["joined", "isolated", "none"])
def test_a_run_tells_it_and_keeps_it(cli, small_recipe: Path, packing: str) -> None:
    with Path(small_recipe.parent, "counting.txt").open("a") as file:
        file.write("".join(f"{'one ' * number}\n" for number in range(1, 30)))
    words = ("--set", f"task.packing={packing}", "--set", "task.block_size=48")
    ended = cli("pretrain", small_recipe, "-o", "run", *words, "--set", "train.max_steps=1")
    assert ended.code == 0, ended.err
    ledger = json.loads(Path("run/manifest.json").read_text())["ledger"]
    assert ledger_lines(ledger)[0] in ended.err
    assert ledger["dropped"] == 0 < ledger["cut"] < ledger["documents"]
    blocks = (ledger["kept"] + ledger["padded"]) / 48
    assert blocks == int(blocks)
    whole = ledger["padded"] / (blocks * 48)
    if packing == "isolated":  # blocks are filled up, but for the blank rows of the last batch
        assert whole <= ledger["padding"] < whole + 8 / blocks
    else:
        assert 0 < ledger["padding"] < 0.5
