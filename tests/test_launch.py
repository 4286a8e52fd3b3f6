"""Several processes: how many, with which command, and that codes and signals survive."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lmkit import launch, worker
from lmkit.errors import UsageError
from lmkit.launch import Processes

# A worker as `lmkit.cli.main` makes one: it joins, is stopped by a signal or ends, and leaves.
WORKER = """
import signal, sys, time
from lmkit import worker
def stopped(number, frame):
    sys.exit(worker.leave(128 + number, f"stopped by {number}"))
for number in worker.FORWARDED:
    signal.signal(number, stopped)
worker.join()
"""

# An agent that starts one process for each piece of code, and ends with 1 if any of them failed.
AGENT = """
import subprocess, sys
workers = [subprocess.Popen([sys.executable, "-c", code]) for code in sys.argv[1:]]
sys.exit(any([worker.wait() for worker in workers]))
"""


def ends(code: int, text: str, after: float = 0.0) -> str:
    return f"{WORKER}\ntime.sleep({after}); sys.exit(worker.leave({code}, {text!r}))"


def agent_of(*workers: str) -> list[str]:
    return [sys.executable, "-c", AGENT, *workers]


def launched(monkeypatch: pytest.MonkeyPatch, *workers: str) -> int | None:
    monkeypatch.setattr(launch, "_agent", lambda *_: agent_of(*workers))
    return launch.launch_if_asked(Processes(processes=len(workers) + 1), ["pretrain", "x"])


def test_one_process_does_the_work_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "count_gpus", lambda: 0)
    assert launch.launch_if_asked(Processes(), ["pretrain", "x"]) is None


def test_a_worker_does_the_work_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert launch.launch_if_asked(Processes(processes=2), ["pretrain", "x"]) is None


def test_a_number_that_the_launcher_above_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="--processes 4: a launcher has already started 2 proc"):
        launch.launch_if_asked(Processes(processes=4), ["pretrain", "x"])


def test_the_agent_runs_the_same_command() -> None:
    command = launch._agent(Processes(max_restarts=2), 3, ["pretrain", "x", "--processes", "3"])
    assert command[1:] == [
        *("-m", "lmkit.training.agent", "--standalone", "--nproc-per-node", "3"),
        *("--max-restarts", "2", "-m", "lmkit", "pretrain", "x", "--processes", "3"),
    ]


def test_several_machines_are_told_where_they_meet() -> None:
    asked = Processes(processes=1, nodes=2, node_rank=1, rendezvous="10.0.0.1:29500")
    command = launch._agent(asked, 1, ["pretrain", "x"])
    for option in ("--nnodes 2", "--node-rank 1", "--master-addr 10.0.0.1", "--master-port 29500"):
        assert option in " ".join(command)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"nodes": 2}, "--nodes 2: say with --rendezvous HOST:PORT where they meet"),
        ({"node_rank": 1}, "--node-rank 1: allowed are 0 to 0"),
        ({"rendezvous": "host"}, "--rendezvous host: expected HOST:PORT"),
    ],
)
def test_options_that_do_not_fit_together(options: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        Processes(**options)  # type: ignore[arg-type] # each case is one of several types


@pytest.mark.parametrize(
    ("visible", "count"), [("", 0), ("-1", 0), ("0", 1), ("2,3", 2), ("0,-1,1", 1)]
)
def test_visible_gpus_are_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, visible: str, count: int
) -> None:
    with_cuda(monkeypatch, tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert launch.count_gpus() == count


def test_the_driver_is_asked_where_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_cuda(monkeypatch, tmp_path)
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho 'GPU 0: A (UUID: x)'\necho '  MIG 1'\necho 'GPU 1: B'\n")
    driver.chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert launch.count_gpus() == 2


def with_cuda(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As if torch had been built with CUDA."""
    package = tmp_path / "site" / "torch"
    (package / "lib").mkdir(parents=True)
    (package / "lib" / "libtorch_cuda.so").touch()
    spec = type("Spec", (), {"origin": str(package / "__init__.py")})
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda _: spec)


def test_all_is_well(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    assert launched(monkeypatch, ends(0, ""), ends(0, "")) == 0
    assert capfd.readouterr().err == ""


def test_the_code_and_text_are_those_of_the_first_that_failed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert launched(monkeypatch, ends(1, "later", after=0.5), ends(3, "the guard")) == 3
    assert capfd.readouterr().err == "the guard\n"


def test_a_worker_that_said_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launched(monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)") == 1


def test_an_interpreter_that_breaks_after_all_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    done = ends(0, "")
    breaks = f"{WORKER}\nimport os\nworker.leave(0, '')\nos.abort()"
    for workers, code in (((done, breaks), 0), ((breaks, "import os; os.abort()"), 1)):
        monkeypatch.setattr(launch, "_agent", lambda *_, workers=workers: agent_of(*workers))
        assert launch.launch_if_asked(Processes(processes=2), ["pretrain", "x"]) == code


@pytest.mark.parametrize("number", worker.FORWARDED)
def test_signals_reach_the_workers_and_their_code_comes_back(number: int, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    waits = f"{WORKER}\nopen({str(ready)!r}, 'w').close(); time.sleep(60)"
    code = (
        "import sys\nfrom lmkit import launch\n"
        f"launch._agent = lambda *_: {agent_of(waits, waits)!r}\n"
        "sys.exit(launch.launch_if_asked(launch.Processes(processes=2), []))"
    )
    launcher = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)  # the other worker
    launcher.send_signal(number)
    _, told = launcher.communicate(timeout=20)
    assert launcher.returncode == 128 + number
    assert told == f"stopped by {number}\n"


@pytest.mark.slow
def test_the_real_agent(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    two = Processes(processes=2)
    assert launch.launch_if_asked(two, ["recipes", "list", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)  # one list: the second process is silent
    assert launch.launch_if_asked(two, ["recipes", "show", "no-such-recipe"]) == 2
    told = capfd.readouterr().err
    assert told.count("no-such-recipe") == 1
    assert "Traceback" not in told
