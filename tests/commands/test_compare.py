"""`lmkit compare` on runs that were really trained."""

import json
from pathlib import Path

import numpy as np


def test_two_runs_of_a_recipe(cli, small_recipe: Path) -> None:
    for name, steps in (("short", 2), ("long", 8)):
        ended = cli("pretrain", small_recipe, "-o", name, "--set", f"train.max_steps={steps}")
        assert ended.code == 0
    told = json.loads(cli("compare", "short", "long", "--json").out)
    summaries = [json.loads(Path(name, "summary.json").read_text()) for name in ("short", "long")]
    one = told["against_first"][0]["differences"]
    for name, difference in one.items():
        values = [summary["metrics"][name] for summary in summaries]
        assert np.isclose(difference["value"], values[1] - values[0])
        assert difference["interval"][0] <= difference["value"] <= difference["interval"][1]
    assert {"loss", "perplexity", "bits_per_byte"} == one.keys()
    assert told["recipe"]["train.max_steps"] == ["2", "8"]
    text = cli("compare", "short", "long").out
    assert text.startswith("long is better than short on this data: loss ")
    assert "train.max_steps" in text
    assert "tokens_per_second" in text
    assert "--seeds N" in text
    assert max(map(len, text.split("\n\n", 1)[0].splitlines())) <= 88
    assert cli("compare", "short", "short").err.startswith("a run is named twice")
    assert "one run has nothing to be compared with" in cli("compare", "short").err
    assert "did you mean" in cli("compare", "short", "lon").err


def test_other_data_are_refused(cli, small_recipe: Path) -> None:
    Path("other.txt").write_text("one two three four five six\n" * 3 + "seven eight nine ten\n")
    assert cli("pretrain", small_recipe, "-o", "a", "--set", "train.max_steps=1").code == 0
    words = ("--set", "train.max_steps=1", "--set", "data.test=other.txt")
    assert cli("pretrain", small_recipe, "-o", "b", *words).code == 0
    ended = cli("compare", "a", "b")
    assert (ended.code, ended.out) == (2, "")
    assert "not scored on the same data" in ended.err
    assert "other.txt, SHA-256" in ended.err
