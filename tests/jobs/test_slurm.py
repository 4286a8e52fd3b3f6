"""The batch script: its directives, its shell, and a run by it that is signaled and goes on."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lmkit.errors import UsageError
from lmkit.jobs.job import Job, job
from lmkit.jobs.slurm import Slurm, script

# Of https://slurm.schedmd.com/sbatch.html: what a script of ours may hold.
DIRECTIVES = {
    "job-name", "nodes", "ntasks-per-node", "gpus-per-node", "cpus-per-task", "mem", "time",
    "partition", "account", "output", "open-mode", "signal", "requeue",
}  # fmt: skip

# srun on machines that are this one: it passes SIGUSR1 on, and gives the largest code
SRUN = f"""#!{sys.executable}
import os, signal, subprocess, sys
words = [word for word in sys.argv[1:] if not word.startswith("--")]
nodes = int(os.environ["SLURM_NNODES"])
tasks = [
    subprocess.Popen(words, env=os.environ | {{"SLURM_NODEID": str(rank)}})
    for rank in range(nodes)
]
signal.signal(signal.SIGUSR1, lambda *_: [task.send_signal(signal.SIGUSR1) for task in tasks])
sys.exit(max(task.wait() for task in tasks))
"""
SCONTROL = """#!/bin/sh
if [ "$1" = requeue ]; then echo "$2" >> requeued; else echo 127.0.0.1; echo other; fi
"""


def asked(recipe: str = "gpt2-stdlib", *sets: str, nodes: int = 1, gpus: int = 1) -> Job:
    return job(recipe, sets, nodes=nodes, gpus_per_node=gpus, max_restarts=1)


def directives(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line.startswith("#SBATCH --")]
    pairs = (line.removeprefix("#SBATCH --").partition("=") for line in lines)
    return {name: value for name, _, value in pairs}


def test_the_directives() -> None:
    slurm = Slurm("1-12", "gpu", "me", 16, "64G")
    found = directives(script(asked(nodes=2, gpus=8), slurm))
    assert set(found) == DIRECTIVES
    assert found["nodes"] == "2"
    assert found["gpus-per-node"] == "8"
    assert found["signal"] == "B:USR1@120"
    assert "gpus-per-node" not in directives(script(asked(gpus=0), Slurm()))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"time": "a day"}, "--time: found 'a day'; allowed are MINUTES"),
        ({"partition": "a\nb"}, "--partition: found"),
        ({"account": "$x"}, "--account: found"),
        ({"mem": "64 GB"}, "--mem: found '64 GB'; allowed is a number of megabytes"),
    ],
)
def test_what_sbatch_would_refuse(options: dict[str, str], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        Slurm(**options)  # type: ignore[arg-type] # all of them are texts


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a Slurm of one machine, and the lmkit under test."""
    programs = {
        "srun": SRUN,
        "scontrol": SCONTROL,
        "lmkit": f'#!/bin/sh\nexec {sys.executable} -m lmkit "$@"\n',
    }
    (tmp_path / "bin").mkdir()
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", str(os.getpid()))
    monkeypatch.setenv("SLURM_JOB_NODELIST", "n[1-2]")
    monkeypatch.setenv("SLURM_NNODES", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_machine_is_told_which_it_is(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_NNODES", "2")
    (cluster / "bin" / "lmkit").write_text('#!/bin/sh\necho "$LMKIT_CACHE: $@"\nexit 3\n')
    text = script(asked("gpt2-stdlib", "output_dir=it's", nodes=2), Slurm(), "echo 'set up'")
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
    ran = subprocess.run(
        ["bash"], input=text, capture_output=True, text=True, check=False, cwd=cluster
    )
    assert ran.returncode == 3, ran.stderr
    first, *machines = ran.stdout.splitlines()
    assert first == "set up"
    where = f"127.0.0.1:{20000 + os.getpid() % 10000}"
    assert sorted(machines) == [
        f"{os.environ['LMKIT_CACHE']}: pretrain gpt2-stdlib --set output_dir=it's --processes 1 "
        f"--nodes 2 --node-rank {rank} --rendezvous {where} --resume --max-restarts 1"
        for rank in (0, 1)
    ]
    assert not (cluster / "requeued").exists()  # an error is not tried again


@pytest.mark.slow
def test_a_run_that_meets_its_limit_goes_on(cluster: Path, small_recipe: Path) -> None:
    sets = ("max_steps=300", "logging_steps=1", "save_steps=150", "eval_strategy=no")  # seconds
    what = asked(str(small_recipe), *(f"train.{one}" for one in sets), gpus=0)
    (cluster / "job.sh").write_text(script(what, Slurm()))
    first = subprocess.Popen(["bash", "job.sh"], stderr=subprocess.PIPE, text=True)
    assert first.stderr is not None
    for line in first.stderr:
        if line.startswith("step 3"):
            break
    first.send_signal(signal.SIGUSR1)
    told = first.communicate(timeout=120)[1]
    assert first.returncode == 128 + signal.SIGUSR1, told
    assert (cluster / "requeued").read_text().split() == [str(os.getpid())]
    again = subprocess.run(["bash", "job.sh"], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    logged = (cluster / "runs/small/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in logged if "loss" in line] == [*range(1, 301)]
    assert (cluster / "requeued").read_text().count("\n") == 1
