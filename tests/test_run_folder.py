"""Run folders: what a name stands for, and files that are whole or absent."""

import errno
import json
import math
import os

import pytest

from lmkit.errors import ModelError, RunFolderError
from lmkit.run_folder import (
    RunFolder,
    find_run,
    model_folder,
    read_json,
    write_json,
    write_text,
)


@pytest.fixture
def run(tmp_path):
    """A finished run."""
    folder = tmp_path / "runs" / "stdlib-small"
    (folder / "model").mkdir(parents=True)
    (folder / "checkpoints" / "checkpoint-9").mkdir(parents=True)
    (folder / "checkpoints" / "checkpoint-10").mkdir()
    for name in ("recipe.yaml", "manifest.json", "summary.json"):
        (folder / name).write_text('{"status": "finished"}')
    return folder


def test_a_run_is_told_by_its_recipe_and_its_manifest(run):
    assert RunFolder(run).is_run()
    (run / "manifest.json").unlink()
    assert not RunFolder(run).is_run()
    assert not RunFolder(run / "model").is_run()


@pytest.mark.parametrize("missing", ["summary.json", "model", "recipe.yaml"])
def test_a_run_is_finished_with_summary_and_model(run, missing):
    assert RunFolder(run).is_finished()
    path = run / missing
    path.rmdir() if path.is_dir() else path.unlink()
    assert not RunFolder(run).is_finished()


def test_a_run_that_goes_on_is_not_finished_though_model_and_summary_are_there(run):
    (run / "manifest.json").write_text('{"status": "running"}')
    assert not RunFolder(run).is_finished()


def test_a_run_stands_for_its_model(run):
    assert model_folder(str(run)) == str(run / "model")


def test_an_unfinished_run_names_its_newest_checkpoint(run):
    (run / "model").rmdir()
    (run / "checkpoints" / "checkpoint-best").mkdir()  # the user's, not ours
    with pytest.raises(ModelError, match=r"unfinished .* newest checkpoint is .*checkpoint-10$"):
        model_folder(str(run))


def test_an_unfinished_run_without_checkpoints(run):
    (run / "model").rmdir()
    for path in (run / "checkpoints").iterdir():
        path.rmdir()
    with pytest.raises(ModelError, match=r"has no model/ yet$"):
        model_folder(str(run))


def test_a_checkpoint_and_a_folder_stand_for_themselves(run):
    for folder in (run / "checkpoints" / "checkpoint-9", run / "model", run.parent):
        assert model_folder(str(folder)) == str(folder)


def test_a_run_is_found_and_what_is_none_is_told_with_what_is_near(run):
    assert find_run(str(run)).path == run
    for target, told in (
        (run.parent / "stdlib-smal", f"no such folder; did you mean {run}"),
        (run.parent, f"it holds runs: {run}"),
        (run / "model", f"it lies in the run {run}"),
        (run.parent / "nothing" / "at" / "all", "there is no such folder$"),
    ):
        with pytest.raises(RunFolderError, match=told):
            find_run(str(target))


@pytest.mark.parametrize("name", ["gpt2", "openai-community/gpt2", "distilbert-base_v1.0"])
def test_names_of_the_hub_stay(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert model_folder(name) == name


def test_a_folder_here_goes_before_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gpt2").mkdir()
    (tmp_path / "gpt2" / "recipe.yaml").write_text("")
    (tmp_path / "gpt2" / "manifest.json").write_text("{}")
    (tmp_path / "gpt2" / "model").mkdir()
    assert model_folder("gpt2") == "gpt2/model"


def test_a_missing_folder_names_the_nearest(run, monkeypatch):
    monkeypatch.chdir(run.parent.parent)
    for wrong in (str(run.parent / "stdlib-smal"), "runs/stdlib-smal", "./runs/stdlib-smal"):
        with pytest.raises(ModelError, match=r"no such folder; did you mean .*stdlib-small\?$"):
            model_folder(wrong)


def test_a_missing_folder_like_no_other(run):
    with pytest.raises(ModelError, match=r"qqqq: there is no such folder$"):
        model_folder(str(run.parent / "qqqq"))
    with pytest.raises(ModelError, match=r"there is no such folder$"):
        model_folder("/nowhere/at/all")


def test_a_file_is_no_model(run):
    with pytest.raises(ModelError, match=r"manifest\.json: is a file; a run folder, a model"):
        model_folder(str(run / "manifest.json"))


def test_json_comes_back(tmp_path):
    value = {"text": "Grüße ✓", "list": [1, 2.5, None], "nested": {"a": True}}
    path = tmp_path / "new" / "folder" / "x.json"
    write_json(path, value)
    assert json.loads(path.read_text(encoding="utf-8")) == value
    assert read_json(path) == value
    assert "Grüße" in path.read_text(encoding="utf-8")
    assert [entry.name for entry in path.parent.iterdir()] == ["x.json"]


def test_what_is_no_number_is_not_written(tmp_path):
    write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"a": math.nan})
    assert read_json(tmp_path / "x.json") == {"a": 1}


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / "manifest.json"
    write_json(path, {"old": 1})
    name = "lmkit.run_folder.os.fsync" if step == "fsync" else "pathlib.Path.replace"
    with monkeypatch.context() as patch:
        patch.setattr(name, full_disk)
        with pytest.raises(RunFolderError, match=r"manifest\.json: cannot be .*No space left"):
            write_json(path, {"new": 2})
        with pytest.raises(RunFolderError, match="No space left"):
            write_text(tmp_path / "other", "x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["manifest.json"]
    assert read_json(path) == {"old": 1}


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"x\.json: cannot be written"):
        write_json(tmp_path / "file" / "x.json", {})
    with pytest.raises(RunFolderError, match=r"x\.json: cannot be written"):
        write_json(tmp_path / "file" / "deeper" / "x.json", {})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read.*No such file"),
        (b'{"a": 1', "cannot be read"),
        (b"\xff\xfe{}", "cannot be read"),
        (b"[1, 2]", "holds a list, not an object"),
    ],
)
def test_a_damaged_manifest_is_named(tmp_path, content, problem):
    if content is not None:
        (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(RunFolderError, match=rf"manifest\.json: {problem}"):
        RunFolder(tmp_path).read_manifest()
