"""What a run was made from and on; the whole file of a real run: tests/test_pretrain.py."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lmkit.commands.claim import Claim
from lmkit.commands.manifest import begin_manifest, contents, end_manifest
from lmkit.data.sources import Splits, open_splits
from lmkit.data.tokenizer import tokenizer_fingerprint
from lmkit.recipe.load import load_recipe
from lmkit.recipe.run_options import RunOptions
from lmkit.recipe.sections import Recipe
from lmkit.run_folder import RunFolder

OPTIONS = RunOptions(verb="pretrain", command="lmkit pretrain small.yaml")


@pytest.fixture
def recipe(small_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.chdir(tmp_path)
    return load_recipe(str(small_recipe))


@pytest.fixture
def splits(recipe: Recipe) -> Splits:
    return open_splits(recipe.data, recipe.task)


def begun(recipe: Recipe, splits: Splits, tokenizer, claimed: Claim) -> dict:
    folder = RunFolder(claimed.folder)
    begin_manifest(folder, claimed, recipe, OPTIONS, splits, tokenizer, {"dropped": 0})
    return folder.read_manifest()


def test_sessions_are_added_up(recipe, splits, tiny_tokenizer, tmp_path) -> None:
    first = Claim(tmp_path / "run", "abc")
    found = begun(recipe, splits, tiny_tokenizer, first)
    assert (found["run_id"], found["status"], found["seed"]) == ("abc", "running", 42)
    assert found["command"] == "lmkit pretrain small.yaml"
    assert found["data"]["train"]["sha256"] == splits.train.fingerprint()
    assert "test" not in found["data"]
    assert found["tokenizer"] == {
        "sha256": tokenizer_fingerprint(tiny_tokenizer),
        "vocab_size": len(tiny_tokenizer),
    }
    assert found["sessions"][0]["cpus"] == os.cpu_count()
    again = begun(recipe, splits, tiny_tokenizer, Claim(tmp_path / "run", "abc", recipe))
    assert len(again["sessions"]) == 2
    assert again["started"] == found["started"]
    end_manifest(RunFolder(tmp_path / "run"), tokens=7)
    ended = json.loads((tmp_path / "run/manifest.json").read_text())
    assert (ended["status"], ended["tokens"], ended["run_id"]) == ("finished", 7, "abc")


def test_code_that_was_run_is_noted(
    recipe, splits, tiny_tokenizer, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed = Claim(tmp_path / "run", "abc")
    assert "remote_code" not in begun(recipe, splits, tiny_tokenizer, claimed)
    code = tmp_path / "own.py"
    code.write_text("x = 1\n")
    module = SimpleNamespace(__file__=str(code))
    monkeypatch.setitem(sys.modules, "transformers_modules.folder.own", module)
    model = recipe.model.model_copy(update={"trust_remote_code": True})
    trusting = recipe.model_copy(update={"model": model})
    found = begun(trusting, splits, tiny_tokenizer, claimed)
    assert found["remote_code"]["own.py"] == hashlib.sha256(b"x = 1\n").hexdigest()


def test_what_was_replaced_is_noted(recipe, splits, tiny_tokenizer, tmp_path) -> None:
    claimed = Claim(tmp_path / "run", "abc", replaced=("/old",))
    assert begun(recipe, splits, tiny_tokenizer, claimed)["replaced"] == ["/old"]


def test_git(recipe, splits, tiny_tokenizer, tmp_path) -> None:
    def git(*words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        ended = subprocess.run(["git", *who, *words], capture_output=True, text=True, check=True)
        return ended.stdout.strip()

    claimed = Claim(tmp_path / "run", "abc")
    assert begun(recipe, splits, tiny_tokenizer, claimed)["git"] is None
    git("init", "-q")
    git("add", "small.yaml")
    git("commit", "-qm", "a recipe")
    found = begun(recipe, splits, tiny_tokenizer, claimed)["git"]
    assert found == {"commit": git("rev-parse", "HEAD"), "dirty": True}


def test_contents_stand_beside_those_of_before(recipe, splits, tiny_tokenizer, tmp_path) -> None:
    before = begun(recipe, splits, tiny_tokenizer, Claim(tmp_path / "run", "abc"))
    same = contents(before, splits, tiny_tokenizer)
    assert set(same) == {"data.train.content", "data.validation.content", "tokenizer.content"}
    assert all(then == now for then, now in same.values())
    with Path("counting.txt").open("a") as file:
        file.write("something else altogether\n")
    changed = contents(before, open_splits(recipe.data, recipe.task), tiny_tokenizer)
    assert changed["data.train.content"][0] != changed["data.train.content"][1]
    assert contents({}, splits, tiny_tokenizer)["tokenizer.content"][0] is None
