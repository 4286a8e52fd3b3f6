"""`--dry-run`: nothing is written anywhere, and its numbers are those of the real run."""

import json
import os
import time
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM


def snapshot(*folders: Path) -> dict[Path, tuple[int, int]]:
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size)
        for folder in folders
        for path in [folder, *folder.rglob("*")]
    }


def test_nothing_is_written(cli, small_recipe: Path, tmp_path: Path) -> None:
    cache = Path(os.environ["LMKIT_CACHE"])
    time.sleep(2.1)  # the hash of an older file would be kept
    before = snapshot(tmp_path, cache)
    for words in ((), ("--json",)):
        ended = cli("pretrain", small_recipe, "-o", "run", "--dry-run", *words)
        assert ended.code == 0, ended.err
    assert snapshot(tmp_path, cache) == before


@pytest.mark.parametrize(
    "sets",
    [
        pytest.param((), marks=pytest.mark.slow),
        pytest.param(("train.max_steps=-1", "train.num_train_epochs=2"), marks=pytest.mark.slow),
        ("task.packing=isolated", "task.block_size=48"),
    ],
)
def test_its_numbers_are_right(cli, small_recipe: Path, sets: tuple[str, ...]) -> None:
    words = [word for key in sets for word in ("--set", key)]
    guessed = json.loads(cli("pretrain", small_recipe, "--dry-run", "--json", *words).out)
    real = json.loads(cli("pretrain", small_recipe, "-o", "run", "--json", *words).out)
    exact = json.loads(cli("pretrain", small_recipe, "--dry-run", "--json", *words).out)
    model = AutoModelForCausalLM.from_pretrained("run/model")
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert exact["data"]["exact"]
    for plan in (guessed, exact):
        assert plan["cost"]["parameters"] == model.num_parameters()
        assert plan["cost"]["weight_bytes"] == 4 * model.num_parameters()
        assert plan["cost"]["gradient_bytes"] == 4 * model.num_parameters()
        assert plan["cost"]["optimizer_bytes"] == pytest.approx(
            8 * model.num_parameters(), rel=0.01
        )
        assert plan["steps"] == real["train"]["steps"]
        assert plan["total_batch_size"] == 8
        assert plan["cost"]["total_tokens"] == pytest.approx(real["train"]["tokens"], rel=0.1)
        assert plan["seconds"] < 60
    assert manifest["tokens"] == real["train"]["tokens"]


@pytest.mark.slow
def test_a_large_corpus_is_sampled(cli, small_recipe: Path) -> None:
    """The cache is empty and the text is three times the sample: counts are scaled by bytes."""
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    with Path("counting.txt").open("w") as file:
        for line in range(20_000):
            file.write(" ".join(words[(line * 7 + i) % 10] for i in range(30)) + f" {line}\n")
    guessed = json.loads(cli("pretrain", small_recipe, "--dry-run", "--json").out)
    assert not guessed["data"]["exact"]
    assert cli("data", "prepare", small_recipe).code == 0
    exact = json.loads(cli("pretrain", small_recipe, "--dry-run", "--json").out)
    assert exact["data"]["exact"]
    assert guessed["data"]["bytes"] == exact["data"]["bytes"]
    assert guessed["data"]["tokens"] == pytest.approx(exact["data"]["tokens"], rel=0.1)
    assert guessed["data"]["examples"] == pytest.approx(exact["data"]["examples"], rel=0.1)


def test_for_people(cli, small_recipe: Path) -> None:
    told = cli("pretrain", small_recipe, "--dry-run").out
    for part in ("parameters", "tokens", "8 of 8 sequences", "FLOP", "optimizer", "s a step"):
        assert part in told
    assert "runs/small (nothing was written)" in told
