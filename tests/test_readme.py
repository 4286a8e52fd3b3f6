"""Every command that README.md shows is run, in the order shown, in a folder of its own.

Training is cut to a few steps: what the whole of it reaches is for `benchmarks/bench_stdlib.py`.
`make run` is run twice; the other make words are CI's own and would start these tests again, so
only their being there is tested.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
SHORT = ("--set", "train.max_steps=2")
MINUTES_OF_MAKE_RUN = 30

COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for line in block.splitlines()
]
LMKIT = [command for command in COMMANDS if command.startswith("lmkit ")]
MAKE = [command for command in COMMANDS if command.startswith("make ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a reader would follow the page: nothing but what the commands before made."""
    return tmp_path_factory.mktemp("reader")


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "LMKIT_CACHE": str(folder / "cache"),
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }
    del environment["OMP_NUM_THREADS"]  # one command at a time: it may have the whole machine
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60 * MINUTES_OF_MAKE_RUN,
        check=False,
    )


def test_the_page_shows_commands_of_both_kinds() -> None:
    assert [command for command in COMMANDS if command not in LMKIT + MAKE] == []
    assert {"make run", "make test"} <= set(MAKE)
    for verb in ("pretrain", "finetune", "eval", "generate", "predict", "recipes", "doctor"):
        assert any(command.startswith(f"lmkit {verb} ") for command in [*LMKIT, "lmkit doctor "])


@pytest.mark.slow
@pytest.mark.parametrize("command", LMKIT)
def test_the_command_works(command: str, folder: Path) -> None:
    words = shlex.split(command)
    if words[1] in {"pretrain", "finetune"}:
        words += SHORT
    ended = run(words, folder)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", MAKE)
def test_make_knows_the_word(command: str) -> None:
    ended = subprocess.run(
        [*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("name", re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()))
def test_links_lead_somewhere(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.slow
def test_make_run_and_again(tmp_path: Path) -> None:
    """The main job from end to end; the second time it finds everything done."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    make = ["make", "run", "--assume-old=setup", f"BIN={BIN}", "ARGS=--set train.max_steps=60"]
    first = run(make, tmp_path)
    assert first.returncode == 0, first.stderr
    assert (tmp_path / "runs" / "gpt2-stdlib" / "model" / "model.safetensors").exists()
    weights = (tmp_path / "runs" / "gpt2-stdlib" / "model" / "model.safetensors").read_bytes()
    assert "bits_per_byte" in first.stdout
    assert "def " in first.stdout
    again = run(make, tmp_path)
    assert again.returncode == 0, again.stderr
    written = (tmp_path / "runs" / "gpt2-stdlib" / "model" / "model.safetensors").read_bytes()
    assert written == weights
