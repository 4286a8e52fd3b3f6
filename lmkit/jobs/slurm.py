"""A batch script for Slurm: one lmkit a machine, which starts its processes and watches them.

A short time before its limit the job is signaled; the run saves, and the job queues again and goes
on from there. https://slurm.schedmd.com/sbatch.html has the directives.
"""

import re
from dataclasses import dataclass

from lmkit.errors import UsageError
from lmkit.jobs.job import GRACE_SECONDS, Job, plain

TIME = re.compile(r"\d+(:\d\d){0,2}|\d+-\d\d?(:\d\d){0,2}")
MEMORY = re.compile(r"\d+[KMGT]?")

TRAP = """\
# The signal comes here, two minutes before the end: it is passed on, and the run saves.
step= stopped=
trap 'stopped=1; [ -z "$step" ] || kill -USR1 "$step"' USR1
"""
TAIL = """\
step=$!
while kill -0 "$step" 2>/dev/null; do wait "$step"; done
wait "$step"
code=$?
# Stopped by that signal, not by an error: back into the queue, where it goes on from there.
if [ -n "$stopped" ] && [ "$code" -gt 128 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""


@dataclass(frozen=True)
class Slurm:
    """What Slurm is asked for beside the machines; each has the name of sbatch's option."""

    time: str | None = None
    partition: str | None = None
    account: str | None = None
    cpus_per_task: int | None = None
    mem: str | None = None

    def __post_init__(self) -> None:
        """Check what sbatch would refuse, or read as something else.

        Raises:
            UsageError: an option that is not of its form.
        """
        plain("--partition", self.partition)
        plain("--account", self.account)
        if self.time is not None and not TIME.fullmatch(self.time):
            raise UsageError(
                f"--time: found {self.time!r}; allowed are MINUTES, H:MM:SS, D-HH and D-HH:MM:SS"
            )
        if self.mem is not None and not MEMORY.fullmatch(self.mem):
            raise UsageError(
                f"--mem: found {self.mem!r}; allowed is a number of megabytes, or one with K, M, "
                "G or T behind it"
            )


def script(job: Job, asked: Slurm, setup: str | None = None) -> str:
    """The batch script.

    Args:
        job: what is trained.
        asked: what Slurm is asked for.
        setup: shell commands that make `lmkit` be found, on every machine.
    """
    directives = {
        "job-name": job.name,
        "nodes": job.nodes,
        "ntasks-per-node": 1,
        "gpus-per-node": job.gpus_per_node or None,
        "cpus-per-task": asked.cpus_per_task,
        "mem": asked.mem,
        "time": asked.time,
        "partition": asked.partition,
        "account": asked.account,
        "output": "%x-%j.log",
        "open-mode": "append",
        "signal": f"B:USR1@{GRACE_SECONDS}",
    }
    lines = ["#!/bin/bash", "# Submit it from the folder that relative paths begin at."]
    lines += [f"#SBATCH --{key}={value}" for key, value in directives.items() if value is not None]
    lines += ["#SBATCH --requeue", "", TRAP]
    if setup:
        lines += [setup, ""]
    lines += [
        "# All machines must see the run folder and the cache.",
        'export LMKIT_CACHE="${LMKIT_CACHE:-$PWD/.lmkit-cache}"',
    ]
    if job.nodes > 1:
        lines += [
            'first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
            'export RENDEZVOUS="$first:$((20000 + SLURM_JOB_ID % 10000))"',
        ]
    # each machine expands its own; --wait: those that are left, if one ends for good
    command = job.command(host="$RENDEZVOUS", rank="$SLURM_NODEID").replace("'", "'\\''")
    cpus = f"--cpus-per-task={asked.cpus_per_task} " if asked.cpus_per_task else ""
    lines += [f"srun {cpus}--kill-on-bad-exit=0 --wait=60 bash -c 'exec {command}' &"]
    return "\n".join([*lines, TAIL])
