"""Processes: one does it, all of them have the result, or the error."""

import os
import socket
import subprocess
import sys

import pytest

from lmkit.errors import CheckpointError
from lmkit.training.processes import Processes, join, state_arguments


def test_alone_it_is_just_done():
    alone = Processes()
    assert alone.is_first
    assert alone.once(lambda: [1, 2]) == [1, 2]
    with pytest.raises(CheckpointError, match="full"):
        alone.once(lambda: (_ for _ in ()).throw(CheckpointError("full")))


def test_only_rank_0_is_first():
    assert Processes(0, 3).is_first
    assert not Processes(1, 3).is_first


def test_without_a_launcher_nothing_is_joined(monkeypatch):
    assert join(5) == Processes(0, 1)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert join(5) == Processes(0, 1)


def test_trainer_takes_the_processes_as_they_are():
    assert "accelerator_config" not in state_arguments(Processes())
    several = state_arguments(Processes(1, 2))
    assert several["accelerator_config"] == {"use_configured_state": True}


CODE = """
import sys, torch
from lmkit.errors import LmkitError, RunFolderError
from lmkit.training.processes import join

processes = join(60)
done = []
value = processes.once(lambda: done.append(1) or {"from": processes.rank})
print("value", value, "done", len(done))

def fail():
    done.append(2)
    raise RunFolderError(f"met by {processes.rank}")

try:
    processes.once(fail)
except LmkitError as error:
    print("error", type(error).__name__, error, "done", len(done), "exit", error.exit_code)
total = torch.tensor([processes.rank + 1])
torch.distributed.all_reduce(total)
print("sum", total.item(), torch.distributed.get_backend(), processes.world_size)
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_share_a_result_and_an_error():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
              "MASTER_PORT": str(port)}  # fmt: skip
    started = [
        subprocess.Popen(
            [sys.executable, "-c", CODE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | shared | {"RANK": rank, "LOCAL_RANK": rank},
        )
        for rank in ("0", "1")
    ]  # fmt: skip
    told = []
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        told.append(out.splitlines())
    assert told[0] == [
        "value {'from': 0} done 1",
        "error RunFolderError met by 0 done 2 exit 2",
        "sum 3 gloo 2",
    ]
    assert told[1] == [
        "value {'from': 0} done 0",
        "error RunFolderError met by 0 done 0 exit 2",
        "sum 3 gloo 2",
    ]
