"""What `pretrain` and `finetune` hand on."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lmkit import spawn
from lmkit.recipe.run_options import RunOptions

RECIPE = """
task: {name: causal_lm, block_size: 32}
model: {architecture: gpt2, config: {n_layer: 1, n_embd: 16, n_head: 1}}
tokenizer: {train: {type: byte}}
data: {train: corpus}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, RunOptions]]:
    """What would have been run, instead of running it."""
    seen: list[tuple[Any, RunOptions]] = []

    def run(recipe: Any, options: RunOptions) -> dict[str, Any]:
        seen.append((recipe, options))
        return {"step": 3}

    modules = {
        "train": SimpleNamespace(run=run),
        "claim": SimpleNamespace(finished_summary=lambda *_: None),
        "summary": SimpleNamespace(show=lambda summary: f"shown: {summary}"),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, f"lmkit.commands.{name}", module)
    monkeypatch.setattr(spawn, "count_gpus", lambda: 0)
    return seen


def test_options_are_handed_on(cli, recipe: Path, runs: list[tuple[Any, RunOptions]]) -> None:
    ended = cli(
        *("pretrain", recipe, "--set", "train.max_steps=2", "--set", "train.seed=7", "-o", "there"),
        *("--resume", "--allow-changed", "train.seed", "--allow-changed", "data", "--json", "-q"),
    )
    assert ended == (0, '{"step": 3}\n', "")
    loaded, options = runs[0]
    assert loaded.train.max_steps == 2
    assert loaded.train.seed == 7
    assert loaded.output_dir == "there"
    assert options == RunOptions(
        verb="pretrain",
        resume=True,
        allow_changed=("train.seed", "data"),
        as_json=True,
        quiet=True,
        command=f"lmkit pretrain {recipe} --set train.max_steps=2 --set train.seed=7 -o there "
        "--resume --allow-changed train.seed --allow-changed data --json -q",
    )


def test_the_recorded_command_holds_no_secret(
    cli, recipe: Path, runs: list[tuple[Any, RunOptions]]
) -> None:
    token = "hf_" + "aB3" * 11
    cli("pretrain", recipe, "--set", f"output_dir={token}")
    assert runs[0][1].command == f"lmkit pretrain {recipe} --set output_dir=***"


def test_a_summary_for_people(cli, recipe: Path, runs: list[tuple[Any, RunOptions]]) -> None:
    ended = cli("--quiet", "finetune", recipe)
    assert ended.out == "shown: {'step': 3}\n"
    assert runs[0][1].verb == "finetune"
    assert runs[0][1].quiet


def test_a_restarted_worker_resumes(
    cli,
    recipe: Path,
    runs: list[tuple[Any, RunOptions]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    cli("pretrain", recipe, "--overwrite")
    assert runs[0][1].resume
    assert not runs[0][1].overwrite


def test_several_processes_are_launched_with_the_same_words(
    cli, recipe: Path, runs: list[tuple[Any, RunOptions]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def launched(asked: spawn.Processes, arguments: list[str]) -> int:
        seen.append((asked, arguments))
        return 3

    monkeypatch.setattr(spawn, "start_if_asked", launched)
    words = ["pretrain", str(recipe), "--processes", "2", "--max-restarts", "1"]
    assert cli(*words).code == 3
    assert seen == [(spawn.Processes(processes=2, max_restarts=1), words)]
    assert runs == []


def test_a_task_of_the_other_command(cli, recipe: Path) -> None:
    recipe.write_text(RECIPE.replace("name: causal_lm, block_size: 32", "name: classification"))
    ended = cli("pretrain", recipe)
    assert ended.code == 2
    assert "the command for classification is lmkit finetune" in ended.err


def test_recipe_problems_come_before_any_launch(
    cli, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spawn, "start_if_asked", lambda *_: pytest.fail("launched"))
    recipe.write_text(RECIPE.replace("block_size", "blok_size"))
    ended = cli("pretrain", recipe, "--processes", "2")
    assert ended.code == 2
    assert f"{recipe}:2:" in ended.err
    assert "block_size" in ended.err
    assert json.dumps(ended.out) == '""'


def test_a_finished_run_is_shown_and_nothing_is_started(
    cli, recipe: Path, runs: list[tuple[Any, RunOptions]], monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = SimpleNamespace(finished_summary=lambda *_: {"step": 9})
    monkeypatch.setitem(sys.modules, "lmkit.commands.claim", finished)
    monkeypatch.setattr(spawn, "start_if_asked", lambda *_: pytest.fail("launched"))
    assert cli("pretrain", recipe, "--resume", "--processes", "2").out == "shown: {'step': 9}\n"
    assert runs == []


def test_seeds_are_handed_on_and_summed_up(
    cli, recipe: Path, runs: list[tuple[Any, RunOptions]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def run_seeds(loaded: Any, options: RunOptions, count: int) -> dict[str, Any]:
        seen.append((loaded.train.seed, options.resume, count))
        return {"std": {}}

    modules = {
        "seeds": SimpleNamespace(run_seeds=run_seeds),
        "summary": SimpleNamespace(show=None, show_seeds=lambda summary: f"all: {summary}"),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, f"lmkit.commands.{name}", module)
    assert cli("pretrain", recipe, "--seeds", "3", "--resume").out == "all: {'std': {}}\n"
    assert seen == [(42, True, 3)]
    assert runs == []
