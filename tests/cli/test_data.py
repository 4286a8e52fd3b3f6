"""`lmkit data` from the shell; what the cache holds is tested in tests/commands/test_data.py."""

import json
from pathlib import Path

RECIPE = """
task: {name: causal_lm, block_size: 32}
model: {architecture: gpt2, config: {n_layer: 1, n_embd: 16, n_head: 1}}
tokenizer: {train: {type: byte}}
data: {train: corpus}
"""


def test_prepare_list_clear(cli, tiny_corpus: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "small.yaml"
    recipe.write_text(RECIPE)
    first = cli("data", "prepare", recipe, "--json")
    assert first.code == 0, first.err
    assert json.loads(first.out)["cache"] == "miss"
    assert json.loads(cli("data", "prepare", recipe, "--json").out)["cache"] == "hit"
    assert json.loads(cli("data", "cache", "list", "--json").out)["entries"]
    assert cli("data", "cache", "clear").code == 0
    assert json.loads(cli("data", "cache", "list", "--json").out)["entries"] == []


def test_an_override(cli, tiny_corpus: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "small.yaml"
    recipe.write_text(RECIPE)
    ended = cli("data", "prepare", recipe, "--set", "data.max_documents=1", "--json")
    assert json.loads(ended.out)["splits"]["train"]["documents"] == 1
