"""A run goes on from an earlier checkpoint, or with a smaller micro-batch, or ends as it should."""

import json
import math
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lmkit.commands import session as sessions
from lmkit.recipe.load import load_recipe
from lmkit.tasks.causal_lm import CausalLM

STILL = [f"--set=model.config.{name}_pdrop=0.0" for name in ("resid", "embd", "attn")]
EVERY = ["--set=train.logging_steps=1", "--set=train.eval_strategy=no", "--set=train.save_steps=4"]
SGD = ["--set=train.optim=sgd", "--set=train.learning_rate=0.1"]


def lines(run: str) -> list[dict]:
    return [json.loads(line) for line in Path(run, "metrics.jsonl").read_text().splitlines()]


def weights(run: str) -> dict[str, torch.Tensor]:
    return load_file(Path(run, "model/model.safetensors"))


def incidents(run: str) -> list[dict]:
    return json.loads(Path(run, "guard.json").read_text())["incidents"]


def summary(run: str) -> dict:
    return json.loads(Path(run, "summary.json").read_text())


@pytest.fixture
def leaps(monkeypatch: pytest.MonkeyPatch):
    """Let the logged loss leap from step 14 on, as long as the learning rate is above a limit."""

    def install(limit: float) -> None:
        original = sessions.ExactTrainer.log

        def log(self, logs, start_time=None):
            if "loss" in logs and self.state.global_step >= 14 and logs["learning_rate"] > limit:
                logs["loss"] = 50.0
            original(self, logs, start_time)

        monkeypatch.setattr(sessions.ExactTrainer, "log", log)

    return install


def test_a_divergence_goes_back_and_the_run_is_resumed_bit_for_bit(
    cli, small_recipe: Path, leaps
) -> None:
    leaps(0.006)
    words = ["--set=train.max_steps=20", "--set=train.lr_scheduler_type=constant", *EVERY]
    words.append("--set=train.on_divergence=rollback")
    ended = cli("pretrain", small_recipe, "-o", "run", *words)
    assert ended.code == 0, ended.err
    assert "Going back to step 12, with half the learning rate" in ended.err
    (met,) = incidents("run")
    assert (met["step"], met["to_step"], met["action"]) == (15, 12, "rollback")
    assert summary("run")["guard"]["rollbacks"] == 1
    told = lines("run")
    assert [line["step"] for line in told] == list(range(1, 21))
    assert [line["learning_rate"] for line in told] == [0.01] * 12 + [0.005] * 8
    assert all(line["loss"] < 10 for line in told)

    shutil.copytree("run", "again")
    for path in ("checkpoints/checkpoint-20", "model"):
        shutil.rmtree(Path("again", path))
    Path("again/summary.json").unlink()
    assert cli("pretrain", small_recipe, "-o", "again", *words, "--resume").code == 0
    assert incidents("again") == incidents("run")
    speed = "tokens_per_second"
    assert [x | {speed: 0} for x in lines("again")] == [x | {speed: 0} for x in told]
    for name, one in weights("run").items():
        assert torch.equal(one, weights("again")[name])


@pytest.mark.slow
def test_going_back_is_bounded(cli, small_recipe: Path, leaps) -> None:
    leaps(0.0)
    ended = cli(
        "pretrain", small_recipe, "-o", "run", *EVERY, "--set=train.max_steps=20",
        "--set=train.on_divergence=rollback", "--set=train.lr_scheduler_type=constant",
    )  # fmt: skip
    assert ended.code == 3
    assert ended.err.count("Going back to step 12") == 3
    assert "after 3 rollbacks, step 15: the loss jumped" in ended.err
    assert "The last good checkpoint is " in ended.err
    assert "checkpoint-12." in ended.err
    assert not Path("run/model").exists()


def test_nothing_to_go_back_to(cli, small_recipe: Path, leaps) -> None:
    leaps(0.0)
    ended = cli(
        "pretrain", small_recipe, "-o", "run", *EVERY, "--set=train.max_steps=20",
        "--set=train.on_divergence=rollback", "--set=train.save_steps=14",
    )  # fmt: skip
    assert ended.code == 3
    assert "There is no checkpoint yet. There is none to go back to: save more often" in ended.err


def test_a_loss_that_is_not_finite_ends_with_3(cli, small_recipe: Path, monkeypatch) -> None:
    original, seen = CausalLM.loss, []

    def loss(self, outputs, batch, label_smoothing=0.0):
        seen.append(torch.is_grad_enabled())
        return original(self, outputs, batch, label_smoothing) * (
            math.nan if sum(seen) == 6 else 1.0
        )

    monkeypatch.setattr(CausalLM, "loss", loss)
    ended = cli("pretrain", small_recipe, "-o", "run")
    assert ended.code == 3
    assert "step 6: the loss is nan" in ended.err
    assert "The last good checkpoint is" in ended.err
    (met,) = incidents("run")
    assert len(met["examples"]) == 8
    assert any("one two three" in one["opening"] for one in met["examples"])
    assert all(line.get("loss", 1.0) for line in lines("run"))  # never 0
    kept = load_file("run/checkpoints/checkpoint-4/model.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in kept.values())


def short_above(monkeypatch: pytest.MonkeyPatch, rows: int, after: int = 0) -> None:
    """Let memory fail in training with more than some rows, once a few passes were made."""
    original, seen = CausalLM.forward, []

    def forward(self, model, batch):
        if torch.is_grad_enabled():
            seen.append(1)
            if len(batch["input_ids"]) > rows and len(seen) > after:
                raise MemoryError
        return original(self, model, batch)

    monkeypatch.setattr(CausalLM, "forward", forward)


@pytest.mark.parametrize("after", [pytest.param(0, marks=pytest.mark.slow), 3])
def test_the_micro_batch_is_halved_until_it_fits(
    cli, small_recipe: Path, monkeypatch, after: int
) -> None:
    words = [*STILL, *SGD, *EVERY]
    assert cli("pretrain", small_recipe, "-o", "whole", *words).code == 0
    short_above(monkeypatch, 2, after)
    ended = cli("pretrain", small_recipe, "-o", "run", *words)
    assert ended.code == 0, ended.err
    assert ended.err.count("out of memory with a micro-batch of 8; going on with 4") == 1
    assert ended.err.count("out of memory with a micro-batch of 4; going on with 2") == 1
    recipe = load_recipe("run/recipe.yaml").train
    assert (recipe.per_device_train_batch_size, recipe.total_batch_size) == (2, 8)
    for name, one in weights("whole").items():
        torch.testing.assert_close(weights("run")[name], one, atol=1e-6, rtol=0)
    for one, other in zip(lines("run"), lines("whole"), strict=True):
        assert one["step"] == other["step"]
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-5)
        assert one["tokens"] == other["tokens"]
    assert summary("run")["train"]["loss"] == pytest.approx(summary("whole")["train"]["loss"])
    assert [met["action"] for met in incidents("run")] == ["halve", "halve"]


@pytest.mark.slow
def test_nothing_is_left_to_halve(cli, small_recipe: Path, monkeypatch) -> None:
    short_above(monkeypatch, 0)
    ended = cli("pretrain", small_recipe, "-o", "run")
    assert ended.code == 2
    assert "step 1: out of memory with a micro-batch of one sequence; try shorter" in ended.err
    assert "Traceback" not in ended.err


def test_memory_that_fails_elsewhere_says_what_to_make_smaller(
    cli, small_recipe: Path, monkeypatch
) -> None:
    text = "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you"

    def fails(*_args, **_kwargs):
        raise RuntimeError(text)

    monkeypatch.setattr(sessions.ExactTrainer, "evaluate", fails)
    ended = cli("pretrain", small_recipe, "-o", "run")
    assert ended.code == 2
    assert "after step 4: out of memory. Go on with --resume" in ended.err
    assert "train.per_device_eval_batch_size (now 8)" in ended.err


SHORT = """
import math, os, sys, torch
from lmkit import cli
from lmkit.tasks.causal_lm import CausalLM

forward, loss, seen = CausalLM.forward, CausalLM.loss, []
rank = int(os.environ["RANK"])

def short(self, model, batch):
    if torch.is_grad_enabled():
        seen.append(1)
        if rank == 1 and len(seen) > 4 and len(batch["input_ids"]) > 2:
            raise MemoryError
    return forward(self, model, batch)

def poisoned(self, outputs, batch, label_smoothing=0.0):
    bad = rank == 1 and torch.is_grad_enabled() and len(seen) == 2
    return loss(self, outputs, batch, label_smoothing) * (math.inf if bad else 1.0)

CausalLM.forward, CausalLM.loss = short, poisoned
"""
LEAPS = """
import sys
from lmkit import cli
from lmkit.commands import session as sessions

original = sessions.ExactTrainer.log

def log(self, logs, start_time=None):
    if "loss" in logs and self.state.global_step >= 14 and logs["learning_rate"] > 0.06:
        logs["loss"] = 50.0
    original(self, logs, start_time)

sessions.ExactTrainer.log = log
"""
RUN = """
code, text = cli.run(sys.argv[1:])
sys.stderr.write(text)
sys.exit(code)
"""


def two_processes(before: str, *words: str) -> str:
    """Run a command in two processes, after some lines of Python; what the first one says."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", before + RUN, *words], stderr=subprocess.PIPE, text=True,
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]  # fmt: skip
    errors = [worker.communicate(timeout=400)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    return errors[0]


@pytest.mark.slow
def test_going_back_with_a_shared_model_is_going_back_with_a_whole_one(
    cli, small_recipe: Path, leaps
) -> None:
    words = ["pretrain", str(small_recipe), *STILL, *SGD, *EVERY, "--set=train.max_steps=18"]
    words += ["--set=train.lr_scheduler_type=constant", "--set=train.on_divergence=rollback"]
    told = two_processes(LEAPS, *words, "--set=train.parallel=fsdp", "-o", "two")
    assert "Going back to step 12, with half the learning rate" in told
    leaps(0.06)
    assert cli(*words, "-o", "one").code == 0
    assert [met["to_step"] for met in incidents("two")] == [12]
    for one, other in zip(lines("one"), lines("two"), strict=True):
        assert (one["step"], one["learning_rate"]) == (other["step"], other["learning_rate"])
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-5)
    for name, one in weights("one").items():
        torch.testing.assert_close(weights("two")[name], one, atol=1e-6, rtol=0)


@pytest.mark.slow
def test_two_processes_agree(cli, small_recipe: Path, monkeypatch) -> None:
    """One of them has an infinite loss in step 2, and lacks memory in step 5."""
    words = [str(small_recipe), *STILL, *SGD, *EVERY, "--set=train.on_nonfinite=skip"]
    told = two_processes(SHORT, "pretrain", *words, "-o", "two")
    assert told.count("step 2: the loss is inf") == 1
    assert told.count("step 5: out of memory with a micro-batch of 4; going on with 2") == 1

    original, seen = CausalLM.loss, []

    def loss(self, outputs, batch, label_smoothing=0.0):
        seen.append(torch.is_grad_enabled())
        return original(self, outputs, batch, label_smoothing) * (
            math.inf if sum(seen) == 2 and seen[-1] else 1.0
        )

    monkeypatch.setattr(CausalLM, "loss", loss)
    assert cli("pretrain", *words, "-o", "one").code == 0
    for name, one in weights("one").items():
        torch.testing.assert_close(weights("two")[name], one, atol=1e-6, rtol=0)
    assert [(met["step"], met["action"]) for met in incidents("two")] == [(2, "skip"), (5, "halve")]
    rows = [{x["example"] for x in incidents(run)[0]["examples"]} for run in ("one", "two")]
    assert rows[0] == rows[1]
    assert {x["rank"] for x in incidents("two")[0]["examples"]} == {0, 1}
    assert summary("two")["guard"]["skipped_steps"] == 1
    for one, other in zip(lines("one"), lines("two"), strict=True):
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-5)
