"""Which process of several this is, and what it leaves behind."""

import os
import signal
from pathlib import Path

import pytest

from lmkit import worker


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))  # which `adopt` changes
    names = {name for sets in worker.OTHERS.values() for names in sets for name in names}
    for name in (
        *worker.TORCH,
        *names,
        "ACCELERATE_USE_CPU",
        "MASTER_ADDR",
        "MASTER_PORT",
        "PMIX_NAMESPACE",
    ):
        monkeypatch.delenv(name, raising=False)


def test_a_process_that_is_alone_tells_its_text_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(worker.FOLDER, raising=False)
    worker.join()
    assert worker.leave(128 + signal.SIGTERM, "go on") == 143
    assert capsys.readouterr().err == "go on\n"


def test_what_is_left_is_read_in_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(worker.FOLDER, str(tmp_path))
    for rank, restarts, code, text in ((0, 1, 3, "a\nb"), (0, 0, 1, ""), (1, 1, 0, "")):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv(worker.ROUND, str(restarts))
        assert worker.leave(code, text) == code
    found = worker.words(tmp_path, 1)
    assert [(word.rank, word.code, word.text) for word in found] == [(0, 3, "a\nb"), (1, 0, "")]
    assert capsys.readouterr().err == ""


def test_under_another_launcher_each_but_the_first_says_who_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        worker.leave(2, "no such file")
    assert capsys.readouterr().err == "no such file\nprocess 1: no such file\n"


SRUN = {
    "SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_LOCALID": "1", "SLURM_JOB_ID": "7",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2)", "SLURM_STEP_NODELIST": "gpu[03-04],x1",
}  # fmt: skip
MPI = {
    "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
}  # fmt: skip


def test_srun_and_mpirun_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SRUN.items():
        monkeypatch.setenv(name, value)
    found = worker.other_launcher()
    assert found is not None
    assert found[0] == "srun"
    port = int(found[1].pop("MASTER_PORT"))
    assert 20000 <= port < 30000  # of the job: another job's differs
    assert found[1] == {
        "RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "gpu03",
    }  # fmt: skip
    assert not worker.is_first()
    for name, value in MPI.items():  # mpirun inside an allocation
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SLURM_JOB_ID")
    found = worker.other_launcher()
    assert found is not None
    assert found[0] == "mpirun"
    assert found[1]["MASTER_ADDR"] == "127.0.0.1"
    worker.adopt(found[1])
    assert worker.is_worker()
    assert worker.other_launcher() is None


def test_a_batch_script_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_LOCALID": "0"}.items():
        monkeypatch.setenv(name, value)
    assert worker.other_launcher() is None


@pytest.mark.parametrize(
    ("hosts", "first"),
    [("a", "a"), ("a,b", "a"), ("n[03-05,7],x", "n03"), ("n[7,9]", "n7"), ("r[1-2]n[3-4]", "r1n3")],
)
def test_the_first_host_of_slurms_list(hosts: str, first: str) -> None:
    assert worker.first_host(hosts) == first


def test_before_the_folder_is_taken_a_restart_overwrites_as_was_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(worker.FOLDER, str(tmp_path))
    worker.begin()
    assert not worker.has_begun()  # the first round
    monkeypatch.setenv(worker.ROUND, "1")
    assert worker.has_begun()
    (tmp_path / "begun").unlink()
    assert not worker.has_begun()
    monkeypatch.delenv(worker.FOLDER)
    assert worker.has_begun()


@pytest.mark.parametrize(
    ("names", "is_worker", "is_first", "is_restart"),
    [
        ({}, False, True, False),
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, True, True, False),
        ({"RANK": "1", "WORLD_SIZE": "2"}, True, False, False),
        ({"RANK": "1", "LOCAL_RANK": "1", "TORCHELASTIC_RESTART_COUNT": "2"}, True, False, True),
    ],
)
def test_roles(
    monkeypatch: pytest.MonkeyPatch,
    names: dict[str, str],
    is_worker: bool,
    is_first: bool,
    is_restart: bool,
) -> None:
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    assert worker.is_worker() == is_worker
    assert worker.is_first() == is_first
    assert worker.is_restart() == is_restart


def test_one_process_of_several_that_accelerate_was_asked_for() -> None:
    assert not worker.lost_by_accelerate()
    os.environ["ACCELERATE_USE_CPU"] = "True"  # which it sets for one process too
    assert not worker.lost_by_accelerate()
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
    assert worker.lost_by_accelerate()
    os.environ |= {"PMI_RANK": "1", "PMI_SIZE": "2"}  # its mpirun
    assert not worker.lost_by_accelerate()
    os.environ |= {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}
    assert not worker.lost_by_accelerate()
