"""`lmkit pretrain --processes 2` on a CPU: the same steps as one process takes, only shared."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

pytestmark = pytest.mark.slow


RUNS = ("parts", "whole")


def without_times(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key != "tokens_per_second"}


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_two_processes_learn_what_one_does(run_cli, small_recipe: Path, tmp_path: Path) -> None:
    sgd = ("--set", "train.optim=sgd", "--set", "train.learning_rate=0.5", "--json")
    still = [f"--set=model.config.{name}_pdrop=0.0" for name in ("resid", "embd", "attn")]
    one = run_cli("pretrain", small_recipe, "-o", "one", *sgd, *still)
    two = run_cli("pretrain", small_recipe, "-o", "two", *sgd, *still, "--processes", "2")
    assert one.code == two.code == 0, two.err
    assert two.out.count("\n") == 1
    single, shared = json.loads(one.out), json.loads(two.out)
    assert shared["metrics"] == pytest.approx(single["metrics"], abs=1e-5)
    assert shared["train"]["tokens"] == single["train"]["tokens"]
    pairs = zip(lines(tmp_path / "one"), lines(tmp_path / "two"), strict=True)
    for alone, together in pairs:
        assert together["step"] == alone["step"]
        for key in {"loss", "eval_loss", "learning_rate", "grad_norm"} & set(alone):
            assert together[key] == pytest.approx(alone[key], abs=1e-5)
    manifest = json.loads((tmp_path / "two/manifest.json").read_text())
    assert manifest["sessions"][0]["world_size"] == 2


def test_codes_and_texts_survive(run_cli, small_recipe: Path, tmp_path: Path) -> None:
    for wrong, text in (
        ("data.train=none.txt", "no such file or folder: none.txt"),
        ("train.total_batch_size=7", "7 sequences do not divide among 2 processes"),
        ("train.metric_for_best_model=f1", "no metric 'f1'"),
    ):
        ended = run_cli("pretrain", small_recipe, "--processes", "2", "--set", wrong)
        assert ended.code == 2
        assert ended.err.count(text) == 1
        assert "Traceback" not in ended.err
        assert not (tmp_path / "runs").exists()


def test_a_signal_saves_and_it_goes_on(run_cli, small_recipe: Path, tmp_path: Path) -> None:
    words = ["pretrain", str(small_recipe), "-o", "run", "--processes", "2"]
    words += ["--set", "train.logging_steps=1", "--set", "train.lr_scheduler_type=constant"]
    words += ["--set", "train.eval_strategy=no"]
    long = ["--set", "train.max_steps=100000", "--set", "train.save_steps=100000"]
    with subprocess.Popen(
        [sys.executable, "-m", "lmkit", *words, *long],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("step "):
                process.send_signal(signal.SIGTERM)
                break
        _, told = process.communicate(timeout=120)
    assert process.returncode == 143
    assert told.count("--resume") == 1
    assert "Traceback" not in told
    checkpoint = next((tmp_path / "run/checkpoints").iterdir())
    step = int(checkpoint.name.partition("-")[2])
    more = ["--set", f"train.max_steps={step + 2}", "--set", "train.save_steps=100000"]
    resumed = run_cli(*words, *more, "--resume", "--json")
    assert resumed.code == 0, resumed.err
    assert json.loads(resumed.out)["train"]["steps"] == step + 2


def test_kill_9_of_both_and_it_goes_on_bit_for_bit(
    run_cli, small_recipe: Path, tmp_path: Path
) -> None:
    words = ["pretrain", str(small_recipe), "--processes", "2", "--set=train.max_steps=60"]
    words += ["--set=train.logging_steps=1", "--set=train.save_steps=5"]
    with subprocess.Popen(
        [sys.executable, "-m", "lmkit", *words, "-o", "parts"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        read_until(process.stderr, has_saved)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "parts/model").exists()
    resumed = run_cli(*words, "-o", "parts", "--resume")
    assert resumed.code == 0, resumed.err
    assert "resuming from" in resumed.err
    assert run_cli(*words, "-o", "whole").code == 0
    weights = [(tmp_path / run / "model/model.safetensors").read_bytes() for run in RUNS]
    assert weights[0] == weights[1]
    parts, whole = ([without_times(line) for line in lines(tmp_path / run)] for run in RUNS)
    assert parts == whole


def test_seeds_are_run_by_the_same_processes(run_cli, small_recipe: Path, tmp_path: Path) -> None:
    still = [f"--set=model.config.{name}_pdrop=0.0" for name in ("resid", "embd", "attn")]
    words = ["pretrain", small_recipe, "--seeds", "2", "--set", "train.max_steps=4", "-q", *still]
    two = run_cli(*words, "-o", "two", "--processes", "2", "--json")
    assert two.code == 0, two.err
    assert two.out.count("\n") == 1
    told = json.loads(two.out)
    one = json.loads(run_cli(*words, "-o", "one", "--json").out)
    for shared, single in zip(told["runs"], one["runs"], strict=True):
        assert shared["seed"] == single["seed"]
        assert shared["metrics"] == pytest.approx(single["metrics"], rel=1e-4)
    assert told["runs"][0]["metrics"] != pytest.approx(told["runs"][1]["metrics"], rel=1e-4)
    manifest = json.loads((tmp_path / "two/seed-2/manifest.json").read_text())
    assert manifest["sessions"][0]["world_size"] == 2


@contextmanager
def started(
    folder: Path, small_recipe: Path, *words: str, timeout: int
) -> Iterator[subprocess.Popen[str]]:
    """Two processes in the middle of a long training, which does not outlive its test."""
    command = ["pretrain", str(small_recipe), "-o", "run", "--processes", "2", *words]
    sets = ("logging_steps=1", "eval_strategy=no", "max_steps=100000", "save_steps=5")
    sets += (f"ddp_timeout={timeout}",)
    with subprocess.Popen(
        [sys.executable, "-m", "lmkit", *command, *(f"--set=train.{one}" for one in sets)],
        cwd=folder, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            read_until(process.stderr, has_saved)
            yield process
        finally:
            process.kill()


def read_until(told: IO[str] | None, found: Callable[[str], bool]) -> None:
    assert told is not None
    read = []
    for line in told:
        read.append(line)
        if found(line):
            return
    pytest.fail(f"it ended early: {''.join(read[-20:])}")


def has_saved(line: str) -> bool:
    """Whether a line tells of a step after the first checkpoint."""
    return line.startswith("step ") and int(line.split()[1].partition("/")[0]) > 5


def begins_again(line: str) -> bool:
    return line.startswith("starting again")


def second_of(launcher: subprocess.Popen[str]) -> int:
    """The pid of the worker with rank 1."""
    path = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children")
    for pid in map(int, path.read_text().split()):
        if b"\0RANK=1\0" in Path(f"/proc/{pid}/environ").read_bytes():
            return pid
    raise AssertionError("no second worker")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_one_that_hangs_ends_all_within_the_timeout(small_recipe: Path, tmp_path: Path) -> None:
    with started(tmp_path, small_recipe, timeout=5) as process:
        os.kill(second_of(process), signal.SIGSTOP)
        _, told = process.communicate(timeout=100)
    assert process.returncode == 75
    assert "did not answer, and was ended" in told
    assert "train.ddp_timeout: 5 s" in told
    assert "Traceback" not in told


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_one_that_is_killed_is_told_and_all_go_on(small_recipe: Path, tmp_path: Path) -> None:
    # a machine that is busy for the usual minute must not end it: the only restart is for the kill
    with started(tmp_path, small_recipe, "--max-restarts", "1", timeout=600) as process:
        os.kill(second_of(process), signal.SIGKILL)
        read_until(process.stderr, begins_again)  # steps made before the kill may still be unread
        read_until(process.stderr, has_saved)
        os.kill(second_of(process), signal.SIGKILL)
        _, told = process.communicate(timeout=100)
    assert process.returncode == 128 + signal.SIGKILL
    assert told.count("was killed by SIGKILL") == 1  # the first was read above
    assert "Traceback" not in told
    steps = [line["step"] for line in lines(tmp_path / "run")]
    assert steps == list(range(1, len(steps) + 1))  # no step is missing or there twice
