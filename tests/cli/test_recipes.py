"""`lmkit recipes`, through the command, over recipes of the test's own."""

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from lmkit.errors import DataError
from lmkit.recipe import catalog
from lmkit.recipe.sections import Recipe

TEXT = """\
# lmkit pretrain gpt2-small
# Size: 3.4M [parameters]
# Needs: 2 CPU cores
# Minutes: 5
task: {name: causal_lm}
model: {source: gpt2}
data: {dataset: stdlib}  # é
"""


@pytest.fixture(autouse=True)
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "packaged" / "pretrain"
    folder.mkdir(parents=True)
    (folder / "gpt2-small.yaml").write_text(TEXT)
    (folder / "gpt2-large.yaml").write_text(TEXT.replace("3.4M", "774M"))
    monkeypatch.setattr(catalog, "folder", lambda: folder.parent)
    return folder


def test_list_is_aligned_where_nobody_looks(cli: Callable) -> None:
    assert cli("recipes", "list") == (
        0,
        "name        task       model  size               needs        minutes\n"
        "gpt2-large  causal_lm  gpt2   774M [parameters]  2 CPU cores  5\n"
        "gpt2-small  causal_lm  gpt2   3.4M [parameters]  2 CPU cores  5\n",
        "",
    )


def test_list_is_a_table_on_a_terminal(cli: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    result = cli("recipes", "list")
    assert result.code == 0
    assert "gpt2-small" in result.out
    assert "3.4M [parameters]" in result.out


def test_list_as_json(cli: Callable) -> None:
    rows = json.loads(cli("recipes", "list", "--json").out)
    assert [row["name"] for row in rows] == ["gpt2-large", "gpt2-small"]
    assert list(rows[0]) == ["name", "task", "model", "size", "needs", "minutes"]


def test_show_prints_the_file(cli: Callable) -> None:
    assert cli("recipes", "show", "gpt2-small") == (0, TEXT, "")


def test_show_of_an_unknown_name(cli: Callable) -> None:
    assert cli("recipes", "show", "gpt2-smal") == (
        2,
        "",
        "gpt2-smal: no packaged recipe of that name; did you mean `gpt2-small`?",
    )


def test_copy_prints_the_new_file(cli: Callable, tmp_path: Path) -> None:
    assert cli("recipes", "copy", "gpt2-small") == (0, "gpt2-small.yaml\n", "")
    assert (tmp_path / "gpt2-small.yaml").read_text() == TEXT
    assert cli("recipes", "copy", "gpt2-small", "my.yaml") == (0, "my.yaml\n", "")
    assert cli("recipes", "copy", "gpt2-small", "my.yaml") == (
        2,
        "",
        "my.yaml: exists; name another file, or remove it first",
    )


def test_check_of_all(cli: Callable) -> None:
    assert cli("recipes", "check") == (0, "ok gpt2-large\nok gpt2-small\n", "")


def test_check_tells_all_errors_of_all_recipes(cli: Callable, packaged: Path) -> None:
    large = packaged / "gpt2-large.yaml"
    large.write_text(TEXT.replace("causal_lm", "casual_lm") + "trian: {}\n")
    result = cli("recipes", "check")
    assert (result.code, result.out) == (2, "ok gpt2-small\n")
    first, second = result.err.splitlines()
    assert first.startswith(f'{large}:5:14: task.name: found "casual_lm"; allowed: one of ')
    assert second == f"{large}:8:1: trian: unknown key; did you mean `train`?"


def test_check_of_one_with_overrides(cli: Callable, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(TEXT)
    assert cli("recipes", "check", "my.yaml", "--set", "train.seed=1") == (0, "ok my.yaml\n", "")
    assert cli("recipes", "check", "my.yaml", "--set", "train.sed=1") == (
        2,
        "",
        "--set train.sed: unknown key; did you mean `seed`?",
    )


def test_check_in_full_goes_on_after_a_recipe_that_fails(
    cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_full(recipe: Recipe) -> None:
        if recipe.output_dir == "runs/gpt2-large":
            raise DataError("no data\nat all")

    module = types.ModuleType("lmkit.commands.check")
    monkeypatch.setattr(module, "check_full", check_full, raising=False)
    monkeypatch.setitem(sys.modules, "lmkit.commands.check", module)
    assert cli("recipes", "check", "--full") == (2, "ok gpt2-small\n", "no data\nat all")


def test_schema_is_json(cli: Callable) -> None:
    result = cli("recipes", "schema")
    assert result.code == 0
    assert json.loads(result.out)["properties"]["train"]["description"]


def test_a_missing_file_in_a_real_process(run_cli: Callable) -> None:
    result = run_cli("recipes", "check", "nothing.yaml")
    assert result.code == 2
    assert result.err.startswith("nothing.yaml: no packaged recipe and no file of that name; ")
    assert "Traceback" not in result.err
