"""Text piped into the commands: trained on, resumed from, scored."""

import io
import json
import sys
from pathlib import Path

import pytest

PIPED = ("--set", "data.train=-", "--set", "model.config.n_layer=1")


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch, small_recipe: Path):
    """`pipe(path)`: the content of a file as standard input; left out, nothing."""

    def stand_in(path: Path | None = None) -> None:
        content = b"" if path is None else path.read_bytes()
        stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))
        monkeypatch.setattr(sys, "stdin", stream)

    return stand_in


def test_a_run_on_piped_text_is_as_on_the_file(cli, small_recipe: Path, pipe) -> None:
    text = small_recipe.with_name("counting.txt")
    assert cli("pretrain", small_recipe, "-o", "file", "--set", PIPED[3]).code == 0
    planned = [cli("pretrain", small_recipe, "--set", PIPED[3], "--dry-run", "--json").out]
    pipe(text)
    planned.append(cli("pretrain", small_recipe, *PIPED, "--dry-run", "--json").out)
    assert len({str(json.loads(out)["data"]) for out in planned}) == 1
    pipe(text)
    ended = cli("pretrain", small_recipe, "-o", "piped", *PIPED)
    assert ended.code == 0, ended.err
    weights = [Path(run, "model/model.safetensors").read_bytes() for run in ("file", "piped")]
    assert weights[0] == weights[1]
    # afterwards the pipe is gone, and the run's own data is still there
    pipe()
    scored = cli("eval", "piped", "--json")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["metrics"]["loss"] == pytest.approx(
        json.loads(Path("piped/summary.json").read_text())["metrics"]["loss"], rel=1e-9
    )
    longer = ("--set", "train.max_steps=10")
    again = cli("pretrain", small_recipe, "-o", "piped", *PIPED, *longer, "--resume")
    assert again.code == 0, again.err
    pipe(text)
    found = json.loads(cli("eval", "piped", "--data", "-", "--json").out)
    assert found["split"] == "-"
    assert found["counts"]["documents"] == 60


def test_nothing_piped_in_is_told(cli, small_recipe: Path, pipe) -> None:
    for words in (("pretrain",), ("pretrain", "--dry-run"), ("data", "prepare")):
        pipe()
        ended = cli(*words[:2], small_recipe, *PIPED)
        assert ended.code == 2
        assert "data.train: standard input (`-`) is empty; pipe data into the command" in ended.err
    assert not Path("runs").exists()


@pytest.mark.slow
def test_one_of_two_processes_reads_it(run_cli, small_recipe: Path, tmp_path: Path) -> None:
    text = small_recipe.with_name("counting.txt").read_text()
    ended = run_cli(
        "pretrain", small_recipe, "-o", "run", *PIPED, "--processes", "2", "--json", stdin=text
    )
    assert ended.code == 0, ended.err
    files = json.loads((tmp_path / "run/manifest.json").read_text())["data"]["train"]["files"]
    assert files[0]["bytes"] == len(text)
