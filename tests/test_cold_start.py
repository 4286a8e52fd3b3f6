"""Help and recipe errors come before torch is loaded, and the surface of options is pinned.

Times flicker, so the cause is tested: which modules a fresh process has loaded.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from lmkit.cli import app

HEAVY = {"torch", "transformers", "datasets", "accelerate", "evaluate", "numpy", "sklearn", "rich"}
TRAINING = {
    "--set", "--output", "--resume", "--overwrite", "--allow-changed", "--processes", "--nodes",
    "--node-rank", "--rendezvous", "--max-restarts", "--seeds", "--dry-run", "--json", "--quiet",
}  # fmt: skip

LAUNCH = {"--set", "--output", "--nodes", "--gpus-per-node", "--max-restarts"}

# Growing this list is a decision: another option for every user to read past.
SURFACE = {
    "": {"--version", "--quiet"},
    "pretrain": TRAINING,
    "finetune": TRAINING,
    "eval": {
        "--data", "--split", "--text-column", "--batch-size", "--stride", "--pseudo-perplexity",
        "--pseudo-tokens", "--bias", "--contamination", "--samples", "--words", "--run-tokens",
        "--pretraining", "--swaps", "--trust-metric-code", "--details", "--slice", "--benchmarks",
        "--explain", "--num-fewshot", "--limit", "--trust-benchmark-code", "--output", "--json",
        "--quiet",
    },
    "generate": {
        "--input", "--column", "--output", "--resume", "--chat", "--max-new-tokens",
        "--temperature", "--top-k", "--top-p", "--num-return-sequences", "--seed", "--greedy",
        "--num-beams", "--stop", "--repetition-penalty", "--batch-size", "--json", "--quiet",
    },
    "predict": {
        "--input", "--column", "--input-format", "--output", "--format", "--strict",
        "--batch-size", "--precision", "--labels", "--hypothesis", "--multi-label", "--examples",
        "--shots", "--seed", "--json", "--quiet",
    },
    "export": {"--merge", "--base", "--quiet"},
    "compare": {"--json", "--quiet"},
    "report": {"--output", "--explain", "--quiet"},
    "serve": {
        "--host", "--port", "--token-env", "--max-tokens", "--max-requests", "--quiet",
    },
    "recipes list": {"--json"},
    "recipes show": set(),
    "recipes copy": set(),
    "recipes check": {"--set", "--full"},
    "recipes schema": set(),
    "doctor": {"--json"},
    "data inspect": {"--set", "--sample", "--json", "--quiet"},
    "data prepare": {
        "--set", "--verify", "--shard", "--merge", "--output", "--json", "--quiet",
    },
    "data tokenizer": {"--set", "--beside", "--json", "--quiet"},
    "data cache list": {"--json"},
    "data cache clear": set(),
    "launch slurm": LAUNCH | {
        "--setup", "--time", "--partition", "--account", "--cpus-per-task", "--mem",
    },
    "launch skypilot": LAUNCH | {
        "--setup", "--storage", "--gpu", "--infra", "--image", "--spot",
    },
    "launch kubernetes": LAUNCH | {
        "--image", "--storage", "--namespace", "--cpu", "--memory",
    },
}  # fmt: skip

# An app that does nothing: what Typer itself loads is no fault of lmkit's.
EMPTY_APP = """
import typer
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
@app.command()
def one(name: str): ...
@app.command()
def two(name: str): ...
"""


def loaded_after(code: str) -> set[str]:
    """The top-level modules of a fresh process that ran `code`, whatever that ended with."""
    script = f"""
import json, sys
try:
    {code.replace(chr(10), chr(10) + "    ")}
except SystemExit:
    pass
sys.stderr.write(chr(10) + json.dumps(sorted(set(name.split(".")[0] for name in sys.modules))))
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(json.loads(ended.stderr.splitlines()[-1]))


def lmkit(*arguments: str) -> str:
    return f"sys.argv = ['lmkit', *{arguments!r}]\nfrom lmkit.cli import main\nmain()"


@pytest.fixture(scope="module")
def typers_own() -> set[str]:
    return loaded_after(f"{EMPTY_APP}\napp(['one', '--help'])")


@pytest.mark.parametrize("command", SURFACE)
def test_help_loads_nothing_heavy(command: str, typers_own: set[str]) -> None:
    loaded = loaded_after(lmkit(*command.split(), "--help"))
    assert loaded & HEAVY == set()
    assert "pydantic" not in loaded or "pydantic" in typers_own


def test_the_first_help_is_as_light_as_typers() -> None:
    assert "pydantic" not in loaded_after(lmkit("--help"))


@pytest.mark.parametrize("command", ["pretrain", "finetune"])
def test_a_broken_recipe_is_found_before_torch_is_loaded(command: str, tmp_path: Path) -> None:
    recipe = tmp_path / "broken.yaml"
    recipe.write_text("task: {name: causal_lm, blok_size: 4}\nmodel: {architecture: gpt2}\n")
    assert loaded_after(lmkit(command, str(recipe))) & HEAVY == set()


def test_a_task_of_the_other_command_is_found_before_torch_is_loaded(tmp_path: Path) -> None:
    recipe = tmp_path / "topics.yaml"
    recipe.write_text(
        "task: {name: classification}\nmodel: {source: some/model}\ndata: {dataset: stdlib}\n"
    )
    assert loaded_after(lmkit("pretrain", str(recipe))) & HEAVY == set()


def test_a_job_file_is_made_before_torch_is_loaded() -> None:
    assert loaded_after(lmkit("launch", "slurm", "gpt2-stdlib")) & HEAVY == set()


def options(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    """The long options of every command that does something, and those of `lmkit` itself."""
    below = getattr(command, "commands", {})
    if not below or not path:
        found = {option for parameter in command.params for option in parameter.opts}
        yield " ".join(path), {option for option in found if option.startswith("--")}
    for name, inner in below.items():
        yield from options(inner, (*path, name))


def test_the_options_are_those_agreed_on() -> None:
    assert dict(options(typer.main.get_command(app))) == SURFACE
