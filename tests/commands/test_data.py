"""Filling, listing and emptying the token cache."""

import json
import os
from pathlib import Path

import pytest

from lmkit.commands import data
from lmkit.errors import UsageError
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
    data.prepare(recipe(tiny_corpus), as_json=True)
    found = json.loads(capsys.readouterr().out)
    size = sum(path.stat().st_size for path in files)
    assert found["cache"] == "miss"
    assert found["documents"] == len(files)
    assert found["bytes"] == size
    assert found["tokens"] == size + len(files)  # one token a byte, one end a document
    assert found["dropped_tokens"] == 0
    assert found["seconds"] > 0
    data.prepare(recipe(tiny_corpus), as_json=True)
    again = json.loads(capsys.readouterr().out)
    assert again["cache"] == "hit"
    assert [again[key] for key in ("documents", "tokens")] == [len(files), found["tokens"]]


def test_the_plan_of_isolated_blocks_is_prepared_too(tiny_corpus: Path) -> None:
    plans = Path(os.environ["LMKIT_CACHE"], "packing")
    data.prepare(recipe(tiny_corpus), as_json=True)
    assert not plans.exists()
    for size in (32, 64):
        task = f"{{name: causal_lm, block_size: {size}, packing: isolated}}"
        data.prepare(recipe(tiny_corpus, task), as_json=True)
    assert len(list(plans.glob("*/meta.json"))) == 2
    # one of each split: they know no block size
    assert len(list(plans.parent.glob("tokens/*/meta.json"))) == 2


def test_lines_for_people(tiny_corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data.prepare(recipe(tiny_corpus), as_json=False)
    out = capsys.readouterr().out
    assert out.startswith("train ")
    assert "0 dropped" in out
    data.list_cache(as_json=False)
    listed = capsys.readouterr().out.splitlines()
    assert any(line.startswith("tokens ") for line in listed)
    assert listed[-1].endswith(os.environ["LMKIT_CACHE"])


def test_a_task_without_a_cache(tiny_corpus: Path) -> None:
    with pytest.raises(UsageError, match="classification reads its rows as they are"):
        data.prepare(recipe(tiny_corpus, "{name: classification}"), as_json=True)


def test_clear_deletes_its_own_and_nothing_else(
    tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(os.environ["LMKIT_CACHE"])
    (root / "thesis").mkdir(parents=True)
    (root / "thesis" / "text.tex").write_text("mine")
    data.prepare(recipe(tiny_corpus), as_json=True)
    assert len(list(root.iterdir())) > 1
    data.clear_cache()
    assert [path.name for path in root.iterdir()] == ["thesis"]
    data.clear_cache()  # nothing to clear is no error
    assert capsys.readouterr().out.endswith(f"deleted 0.0 MB from {root}\n")
