"""`lmkit data` from the shell; what the cache holds is tested in tests/commands/test_data.py."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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


@pytest.mark.slow
def test_machines_share_the_work(tiny_corpus: Path, tmp_path: Path) -> None:
    """Three processes with caches of their own, a shared folder, one merge, then a hit."""
    recipe = tmp_path / "small.yaml"
    recipe.write_text(RECIPE)
    shared = tmp_path / "shared"

    def lmkit(cache: str, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "lmkit", "data", "prepare", str(recipe), "--json", *words],
            env={**os.environ, "LMKIT_CACHE": str(tmp_path / cache)},
            cwd=tiny_corpus.parent,
            stdout=subprocess.PIPE,
            text=True,
        )

    def said(process: subprocess.Popen[str]) -> dict[str, Any]:
        out, _ = process.communicate()
        assert process.returncode == 0
        found: dict[str, Any] = json.loads(out)
        return found

    machines = [lmkit(f"m{i}", "--shard", f"{i}/3", "--output", str(shared)) for i in (1, 2, 3)]
    assert [said(machine)["shard"] for machine in machines] == ["1/3", "2/3", "3/3"]
    assert said(lmkit("merged", "--merge", "--output", str(shared)))["cache"] == "miss"
    assert said(lmkit("merged"))["cache"] == "hit"
    assert said(lmkit("alone"))["cache"] == "miss"

    def contents(cache: str) -> dict[str, bytes]:
        root = tmp_path / cache / "tokens"
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and path.suffix != ".lock"
        }

    assert contents("merged") == contents("alone")


def test_inspect(cli, tiny_corpus: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "small.yaml"
    recipe.write_text(RECIPE)
    (tiny_corpus / "40.txt").write_text((tiny_corpus / "00.txt").read_text())
    ended = cli("data", "inspect", recipe, "--json", "--sample", "1", "--quiet")
    assert ended.code == 0, ended.err
    assert ended.err == ""
    found = json.loads(ended.out)
    assert {"splits", "findings", "sample"} <= set(found)
    assert "duplicate" in {finding["kind"] for finding in found["findings"]}
    bad = cli("data", "inspect", recipe, "--set", "data.train=nowhere")
    assert bad.code == 2
    assert "data.train: no such file or folder: nowhere" in bad.err


def test_tokenizer(cli, tiny_corpus: Path, tiny_gpt2_folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "small.yaml"
    recipe.write_text(RECIPE)
    ended = cli("data", "tokenizer", recipe, "--beside", tiny_gpt2_folder, "--json")
    assert ended.code == 0, ended.err
    assert [one["vocab_size"] for one in json.loads(ended.out)["tokenizers"]] == [258, 300]


def test_inspect_shows_what_cleaning_does(cli, tmp_path: Path) -> None:
    texts = [f"Line <b>{number}</b>" for number in range(40)] + ["Line <b>3</b>"]
    (tmp_path / "a.csv").write_text("text\n" + "\n".join(texts) + "\n")
    recipe = tmp_path / "clean.yaml"
    recipe.write_text(
        "task: {name: causal_lm, block_size: 8}\n"
        "model: {architecture: gpt2, config: {n_layer: 1, n_embd: 16, n_head: 1}}\n"
        "tokenizer: {train: {type: byte}}\n"
        f"data: {{train: [{{path: {tmp_path}/a.csv, repeat: 2}}],\n"
        "  clean: {html: tags, lowercase: true, duplicates: exact}}\n"
    )
    ended = cli("data", "inspect", recipe, "--json", "--sample", "100", "--quiet")
    assert ended.code == 0, ended.err
    sample = json.loads(ended.out)["sample"]
    shown = sample["train"] + sample["validation"]
    assert {row["before"]["text"] for row in shown} == set(texts)
    dropped = [row["before"]["text"] for row in shown if row["after"] is None]
    assert set(dropped) <= {"Line <b>3</b>"}  # a copy, so the other side shows it as left out
    for row in shown:
        assert (
            row["after"] is None
            or row["after"]["text"] == re.sub("<.*?>", "", row["before"]["text"]).lower()
        )
