"""Filling, listing and emptying the token cache."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lmkit.commands import data
from lmkit.commands.data import PrepareOptions
from lmkit.errors import CacheError, UsageError
from lmkit.recipe.load import parse_recipe
from lmkit.recipe.sections import Recipe


def recipe(corpus: Path, task: str = "{name: causal_lm, block_size: 32}") -> Recipe:
    text = (
        f"task: {task}\n"
        "model: {architecture: gpt2, config: {n_layer: 1, n_embd: 16, n_head: 1}}\n"
        "tokenizer: {train: {type: byte}}\n"
        f"data: {{train: {corpus}}}\n"
    )
    return parse_recipe(text, "small.yaml")


def test_the_numbers_are_those_of_the_corpus(
    tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = list(tiny_corpus.iterdir())
    data.prepare(recipe(tiny_corpus), PrepareOptions(as_json=True))
    found = json.loads(capsys.readouterr().out)
    size = sum(path.stat().st_size for path in files)
    assert found["cache"] == "miss"
    assert found["documents"] == len(files)
    assert found["bytes"] == size
    assert found["tokens"] == size + len(files)  # one token a byte, one end a document
    assert found["dropped_tokens"] == 0
    assert found["seconds"] > 0
    data.prepare(recipe(tiny_corpus), PrepareOptions(as_json=True))
    again = json.loads(capsys.readouterr().out)
    assert again["cache"] == "hit"
    assert [again[key] for key in ("documents", "tokens")] == [len(files), found["tokens"]]


def test_the_plan_of_isolated_blocks_is_prepared_too(tiny_corpus: Path) -> None:
    plans = Path(os.environ["LMKIT_CACHE"], "packing")
    data.prepare(recipe(tiny_corpus), PrepareOptions(as_json=True))
    assert not plans.exists()
    for size in (32, 64):
        task = f"{{name: causal_lm, block_size: {size}, packing: isolated}}"
        data.prepare(recipe(tiny_corpus, task), PrepareOptions(as_json=True))
    assert len(list(plans.glob("*/meta.json"))) == 2
    # one of each split: they know no block size
    assert len(list(plans.parent.glob("tokens/*/meta.json"))) == 2


def test_lines_for_people(tiny_corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data.prepare(recipe(tiny_corpus), PrepareOptions())
    out = capsys.readouterr().out
    assert out.startswith("train ")
    assert "0 dropped" in out
    data.list_cache(as_json=False)
    listed = capsys.readouterr().out.splitlines()
    assert any(line.startswith("tokens ") for line in listed)
    assert listed[-1].endswith(os.environ["LMKIT_CACHE"])


def test_a_task_without_a_cache(tiny_corpus: Path) -> None:
    with pytest.raises(UsageError, match="classification reads its rows as they are"):
        data.prepare(recipe(tiny_corpus, "{name: classification}"), PrepareOptions(as_json=True))


def test_clear_deletes_its_own_and_nothing_else(
    tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(os.environ["LMKIT_CACHE"])
    (root / "thesis").mkdir(parents=True)
    (root / "thesis" / "text.tex").write_text("mine")
    data.prepare(recipe(tiny_corpus), PrepareOptions(as_json=True))
    assert len(list(root.iterdir())) > 1
    data.clear_cache()
    assert [path.name for path in root.iterdir()] == ["thesis"]
    data.clear_cache()  # nothing to clear is no error
    assert capsys.readouterr().out.endswith(f"deleted 0.0 MB from {root}\n")


def test_verify_names_what_is_damaged_and_the_next_run_mends_it(
    tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verify = PrepareOptions(verify=True)
    with pytest.raises(CacheError, match="the tokenizer is not in the cache"):
        data.prepare(recipe(tiny_corpus), verify)
    data.prepare(recipe(tiny_corpus), PrepareOptions(as_json=True))
    data.prepare(recipe(tiny_corpus), verify)
    assert "every hash is right" in capsys.readouterr().out
    paths = sorted(Path(os.environ["LMKIT_CACHE"]).glob("tokens/*/tokens.bin"))
    assert len(paths) == 2  # training and validation
    before = [path.read_bytes() for path in paths]
    paths[0].write_bytes(before[0][:-1] + bytes([before[0][-1] ^ 4]))
    paths[1].write_bytes(before[1][:-1])
    with pytest.raises(CacheError) as caught:
        data.prepare(recipe(tiny_corpus), verify)
    told = str(caught.value)
    assert "tokens.bin has other content than was written (its SHA-256 differs)" in told
    assert f"tokens.bin has {len(before[1]) - 1:,} bytes instead of {len(before[1]):,}" in told
    capsys.readouterr()
    data.prepare(recipe(tiny_corpus), PrepareOptions(as_json=True))
    splits = json.loads(capsys.readouterr().out)["splits"]
    assert [split["cache"] for split in splits.values()] == ["miss", "miss"]
    assert [path.read_bytes() for path in paths] == before
    data.prepare(recipe(tiny_corpus), verify)


def test_verify_reads_the_trained_tokenizer_too(tiny_corpus: Path) -> None:
    data.prepare(recipe(tiny_corpus), PrepareOptions(as_json=True))
    (path,) = Path(os.environ["LMKIT_CACHE"]).glob("tokenizers/*/tokenizer.json")
    content = path.read_bytes()
    path.write_bytes(content[:-2] + b" }")
    with pytest.raises(CacheError, match=r"tokenizer\.json has other content than was written"):
        data.prepare(recipe(tiny_corpus), PrepareOptions(verify=True))
    data.prepare(recipe(tiny_corpus), PrepareOptions(as_json=True))
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"verify": True, "merge": True}, "--verify and --merge exclude one another"),
        ({"shard": "1/2", "merge": True}, "--shard and --merge exclude one another"),
        ({"output": "x"}, "--output is where shards are put and found"),
        ({"output": "x", "verify": True}, "--output is where shards are put and found"),
    ],
)
def test_options_that_exclude_one_another(options: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        PrepareOptions(**options)


def test_shards_of_a_corpus_that_is_not_whole_are_listed_and_cleared(
    tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data.prepare(recipe(tiny_corpus), PrepareOptions(shard="1/1"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "train       1 of 1 shards are there",
        "validation  1 of 1 shards are there",
    ]
    data.list_cache(as_json=True)
    kinds = [entry["kind"] for entry in json.loads(capsys.readouterr().out)["entries"]]
    assert kinds == ["tokenizers", "shards", "shards"]
    data.prepare(recipe(tiny_corpus), PrepareOptions(merge=True, as_json=True))
    assert json.loads(capsys.readouterr().out)["cache"] == "miss"
    data.list_cache(as_json=True)
    kinds = [entry["kind"] for entry in json.loads(capsys.readouterr().out)["entries"]]
    assert "shards" not in kinds
    data.prepare(recipe(tiny_corpus), PrepareOptions(shard="1/1"))
    data.clear_cache()
    assert not list(Path(os.environ["LMKIT_CACHE"]).iterdir())
