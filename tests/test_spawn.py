"""Several processes: how many, where, and with which command."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmkit import spawn
from lmkit.errors import UsageError
from lmkit.spawn import Processes
from lmkit.supervise import Place, free_port


def test_one_process_does_the_work_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawn, "count_gpus", lambda: 0)
    assert spawn.start_if_asked(Processes(), ["pretrain", "x"]) is None


def test_a_worker_does_the_work_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert spawn.start_if_asked(Processes(processes=2), ["pretrain", "x"]) is None


def test_a_number_that_the_launcher_above_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="--processes 4: a launcher has already started 2 proc"):
        spawn.start_if_asked(Processes(processes=4), ["pretrain", "x"])


@pytest.fixture
def asked_of(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Place, int]]:
    """What the supervisor was asked for; nothing is started."""
    asked: list[tuple[list[str], Place, int]] = []

    def supervise(command: list[str], place: Place, folder: Path, restarts: int) -> int:
        asked.append((command, place, restarts))
        return 7

    monkeypatch.setattr(spawn, "supervise", supervise)
    return asked


def test_the_same_command_is_run(asked_of: list[tuple[list[str], Place, int]]) -> None:
    words = ["pretrain", "x", "--processes", "3"]
    assert spawn.start_if_asked(Processes(3, max_restarts=2), words) == 7
    assert asked_of == [([sys.executable, "-m", "lmkit", *words], Place(3), 2)]


def test_several_machines_are_told_where_they_meet(
    asked_of: list[tuple[list[str], Place, int]],
) -> None:
    spawn.start_if_asked(Processes(1, 2, 1, "10.0.0.1:29500"), ["pretrain", "x"])
    assert asked_of[0][1] == Place(1, 2, 1, ("10.0.0.1", 29500))


def test_no_more_processes_than_gpus(
    monkeypatch: pytest.MonkeyPatch, asked_of: list[tuple[list[str], Place, int]]
) -> None:
    monkeypatch.setattr(spawn, "count_gpus", lambda: 2)
    with pytest.raises(UsageError, match="--processes 3: this machine has 2 GPUs"):
        spawn.start_if_asked(Processes(3), ["pretrain", "x"])
    spawn.start_if_asked(Processes(), ["pretrain", "x"])
    assert asked_of[0][1] == Place(2)  # one a GPU


@pytest.fixture
def srun(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As the second of two processes of srun."""
    before = dict(os.environ)
    os.environ |= {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_LOCALID": "0"}
    yield
    os.environ.clear()
    os.environ.update(before)


def test_a_process_of_srun_becomes_a_worker(srun: None) -> None:
    with pytest.raises(UsageError, match=r"srun .* several machines: export MASTER_ADDR"):
        spawn.start_if_asked(Processes(), ["pretrain", "x"])
    os.environ["SLURM_JOB_NODELIST"] = "a[1-2]"
    with pytest.raises(UsageError, match="--processes 4: srun has already started 2 processes"):
        spawn.start_if_asked(Processes(4), ["pretrain", "x"])
    assert spawn.start_if_asked(Processes(), ["pretrain", "x"]) is None
    assert os.environ["RANK"] == "1"
    assert os.environ["MASTER_ADDR"] == "a1"


def test_processes_that_accelerate_did_not_start_are_not_done_without(
    monkeypatch: pytest.MonkeyPatch, asked_of: list[tuple[list[str], Place, int]]
) -> None:
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setattr(spawn, "count_gpus", lambda: 0)
    with pytest.raises(UsageError, match="asked for several processes and has started one"):
        spawn.start_if_asked(Processes(), ["pretrain", "x"])
    spawn.start_if_asked(Processes(2), ["pretrain", "x"])
    assert asked_of[0][1] == Place(2)


def test_srun_may_start_our_launcher_on_each_machine(
    srun: None, asked_of: list[tuple[list[str], Place, int]]
) -> None:
    spawn.start_if_asked(Processes(4, 2, 1, "a1:29500"), ["pretrain", "x"])
    assert asked_of[0][1] == Place(4, 2, 1, ("a1", 29500))


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
    assert spawn.count_gpus() == count


def test_the_driver_is_asked_where_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_cuda(monkeypatch, tmp_path)
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho 'GPU 0: A (UUID: x)'\necho '  MIG 1'\necho 'GPU 1: B'\n")
    driver.chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert spawn.count_gpus() == 2


def with_cuda(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As if torch had been built with CUDA."""
    package = tmp_path / "site" / "torch"
    (package / "lib").mkdir(parents=True)
    (package / "lib" / "libtorch_cuda.so").touch()
    spec = type("Spec", (), {"origin": str(package / "__init__.py")})
    monkeypatch.setattr(spawn.importlib.util, "find_spec", lambda _: spec)


@pytest.mark.slow
def test_the_real_command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    two = Processes(processes=2)
    assert spawn.start_if_asked(two, ["recipes", "list", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)  # one list: the second process is silent
    assert spawn.start_if_asked(two, ["recipes", "show", "no-such-recipe"]) == 2
    told = capfd.readouterr().err
    assert told.count("no-such-recipe") == 1
    assert "Traceback" not in told


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "accelerate"])
def test_launchers_of_others(launcher: str, small_recipe: Path, tmp_path: Path) -> None:
    words = {
        "torchrun": ["torchrun", "--nproc-per-node", "2", "--master-port", str(free_port())],
        "accelerate": ["accelerate", "launch", "--cpu", "--num_processes", "2"],
    }[launcher]
    sets = ("max_steps=2", "eval_strategy=no")
    ended = subprocess.run(
        [
            *(Path(sys.executable).parent / words[0], *words[1:], "-m", "lmkit", "pretrain"),
            *(small_recipe, "-o", "run", "--json", *(f"--set=train.{one}" for one in sets)),
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if launcher == "accelerate":  # which would train in one process, and say nothing
        assert "asked for several processes and has started one" in ended.stderr
        assert not (tmp_path / "run").exists()
        return
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["train"]["steps"] == 2  # one summary, of the first
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    assert manifest["sessions"][0]["world_size"] == 2
