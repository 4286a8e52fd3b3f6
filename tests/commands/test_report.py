"""`lmkit report`: of a finished run, of one that is under way, of what is no run."""

import json
from pathlib import Path

import pytest

from lmkit.commands import report as command


def test_a_run_leaves_its_page(cli, small_recipe: Path) -> None:
    assert cli("pretrain", small_recipe, "-o", "run").code == 0
    page = Path("run/report.html").read_text()
    assert ">finished<" in page
    assert "How to repeat it" in page
    summary = json.loads(Path("run/summary.json").read_text())
    assert f"{summary['metrics']['loss']:.4f}" in page
    Path("run/report.html").unlink()
    ended = cli("report", "run")
    assert (ended.code, ended.out) == (0, "run/report.html\n")
    assert Path("run/report.html").read_text() == page
    assert cli("report", "run", "-o", "elsewhere.html").out == "elsewhere.html\n"
    assert Path("elsewhere.html").read_text() == page
    assert cli("pretrain", small_recipe, "-o", "b", "--set", "train.max_steps=2").code == 0
    assert cli("report", "run", "b").out == "comparison.html\n"
    both = Path("comparison.html").read_text()
    assert "run is better than b on this data: loss" in both
    assert "train.max_steps" in both
    manifest = json.loads(Path("run/manifest.json").read_text())
    Path("run/manifest.json").write_text(json.dumps(manifest | {"status": "running"}))
    Path("run/summary.json").unlink()
    assert cli("report", "run").code == 0
    assert "This run is not finished" in Path("run/report.html").read_text()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyError("metrics")])
def test_a_page_that_cannot_be_written_costs_no_run(
    cli, small_recipe: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def failing(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(command, "write_text", failing)
        ended = cli("pretrain", small_recipe, "-o", "run")
    assert ended.code == 0
    assert "report.html: could not be written" in ended.err
    assert "`lmkit report" in ended.err
    assert json.loads(Path("run/manifest.json").read_text())["status"] == "finished"
    assert cli("report", "run").code == 0


def test_a_run_that_the_guard_stops_leaves_its_page(cli, small_recipe: Path) -> None:
    words = ("--set", "train.learning_rate=1e38", "--set", "train.optim=sgd")
    ended = cli("pretrain", small_recipe, "-o", "run", *words)
    assert ended.code == 3, ended.err
    page = Path("run/report.html").read_text()
    assert "The guard stopped this run at step" in page
    assert "nonfinite" in page


def test_what_is_no_run_is_told_with_what_is_near(cli) -> None:
    for name in ("runs/small", "runs/large"):
        Path(name, "model").mkdir(parents=True)
        for file in ("recipe.yaml", "manifest.json"):
            Path(name, file).write_text("{}")
    for target, told in (
        ("runs/smal", "runs/smal: there is no such folder; did you mean runs/small?"),
        ("runs", "it holds runs: runs/large, runs/small"),
        ("runs/small/model", "it lies in the run "),
        ("runs/small/recipe.yaml", "it lies in the run "),
        ("nowhere/at/all", "there is no such folder"),
    ):
        ended = cli("report", target)
        assert (ended.code, ended.out) == (2, ""), target
        assert told in ended.err
    assert cli("report", "runs/small", "-o", "no/page.html").code == 2
    assert cli("report", "runs/small", "-o", "runs").err.startswith("--output runs: is a folder")
