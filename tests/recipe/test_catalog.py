"""The packaged recipes as a catalog, over a folder of the test's own."""

from pathlib import Path

import pytest

from lmkit.errors import RecipeError, UsageError
from lmkit.recipe import catalog

TEXT = """\
# lmkit pretrain gpt2-small
# yaml-language-server: $schema=x.json
# Size: 3.4M parameters
# Needs: 2 CPU cores
#Minutes:  5
#
# What it is for.

# Size: not a fact, for the header has ended
task: {name: causal_lm}
model: {architecture: gpt2}
tokenizer: {source: x}
data: {dataset: stdlib}
"""
BARE = "task: {name: classification}\nmodel: {source: some/bert}\ndata: {dataset: stdlib}\n"


@pytest.fixture(autouse=True)
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "packaged"
    for verb in ("pretrain", "finetune"):
        (folder / verb).mkdir(parents=True)
    (folder / "pretrain" / "gpt2-small.yaml").write_text(TEXT)
    (folder / "finetune" / "bert-topics.yaml").write_text(BARE)
    (folder / "schema.json").write_text("{}")
    monkeypatch.setattr(catalog, "folder", lambda: folder)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return folder


def test_recipes_go_by_name() -> None:
    assert list(catalog.recipes()) == ["bert-topics", "gpt2-small"]
    assert catalog.find("gpt2-small").read_text() == TEXT


def test_an_unknown_name_has_its_neighbor_named() -> None:
    with pytest.raises(RecipeError, match=r"^gpt2smal: no packaged .*; did you mean `gpt2-small`"):
        catalog.find("gpt2smal")
    with pytest.raises(RecipeError, match="; packaged: bert-topics, gpt2-small"):
        catalog.find("zzz")


def test_a_row_of_the_table() -> None:
    assert catalog.summary("gpt2-small") == catalog.Summary(
        "gpt2-small", "causal_lm", "gpt2", "3.4M parameters", "2 CPU cores", "5"
    )
    assert catalog.summary("bert-topics") == catalog.Summary(
        "bert-topics", "classification", "some/bert", "", "", ""
    )


def test_a_copy_keeps_every_byte() -> None:
    assert catalog.copy("gpt2-small") == Path("gpt2-small.yaml")
    assert catalog.copy("gpt2-small", Path("my.yaml")) == Path("my.yaml")
    Path("there").mkdir()
    assert catalog.copy("gpt2-small", Path("there")) == Path("there/gpt2-small.yaml")
    for path in ("gpt2-small.yaml", "my.yaml", "there/gpt2-small.yaml"):
        assert Path(path).read_text() == TEXT


def test_a_copy_overwrites_nothing() -> None:
    Path("my.yaml").write_text("mine")
    with pytest.raises(UsageError, match=r"^my.yaml: exists; name another file, or remove it"):
        catalog.copy("gpt2-small", Path("my.yaml"))
    assert Path("my.yaml").read_text() == "mine"


def test_a_copy_into_a_folder_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"^no/my.yaml: the folder no does not exist"):
        catalog.copy("gpt2-small", Path("no/my.yaml"))
    Path("file").write_text("")
    with pytest.raises(UsageError, match=r"^file/my.yaml: cannot be written: Not a directory"):
        catalog.copy("gpt2-small", Path("file/my.yaml"))


def test_the_folder_is_that_of_the_wheel_or_of_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(catalog, "__file__", str(tmp_path / "lmkit" / "recipe" / "catalog.py"))
    with pytest.raises(RecipeError, match="packaged recipes are missing"):
        catalog.folder()
    (tmp_path / "recipes").mkdir()
    assert catalog.folder() == tmp_path / "recipes"
    (tmp_path / "lmkit" / "_recipes").mkdir(parents=True)
    assert catalog.folder() == tmp_path / "lmkit" / "_recipes"
