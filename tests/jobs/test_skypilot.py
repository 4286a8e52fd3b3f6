"""The task for SkyPilot: its keys, its shell, and what it refuses."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lmkit.errors import UsageError
from lmkit.jobs.job import Job, job
from lmkit.jobs.skypilot import SkyPilot, task

# Of https://docs.skypilot.co/en/latest/reference/yaml-spec.html: what a file of ours may hold.
KEYS = {
    "": {
        "name", "num_nodes", "resources", "workdir", "file_mounts", "volumes", "envs", "setup",
        "run",
    },
    "resources": {"infra", "accelerators", "use_spot", "image_id", "job_recovery"},
    "resources.job_recovery": {"strategy", "max_restarts_on_errors", "recover_on_exit_codes"},
    "file_mounts./lmkit": {"name", "source", "store", "persistent", "mode"},
}  # fmt: skip


def asked(recipe: str = "gpt2-stdlib", nodes: int = 1, gpus: int = 1, *sets: str) -> Job:
    return job(recipe, sets, nodes=nodes, gpus_per_node=gpus, max_restarts=3)


def unknown(found: Any, path: str = "") -> list[str]:
    """Keys that SkyPilot does not have."""
    if not isinstance(found, dict):
        return []
    allowed = KEYS.get(path, set(found))
    below = [unknown(value, f"{path}.{key}".lstrip(".")) for key, value in found.items()]
    names = [f"{path}.{key}" for key in set(found) - allowed]
    return names + [name for names in below for name in names]


def test_a_bucket_keeps_what_one_machine_made() -> None:
    text = task(asked(gpus=8), SkyPilot("s3://b/x", "H100", "aws/us-east-1", "me/it:1", spot=True))
    found = yaml.safe_load(text)
    assert unknown(found) == []
    assert found["resources"] == {
        "infra": "aws/us-east-1", "accelerators": "H100:8", "use_spot": True,
        "image_id": "docker:me/it:1", "job_recovery": {"max_restarts_on_errors": 3},
    }  # fmt: skip
    assert found["file_mounts"] == {"/lmkit": {"source": "s3://b/x", "mode": "MOUNT_CACHED"}}
    assert found["envs"]["LMKIT_CACHE"].startswith("/lmkit/")
    assert found["run"] == (
        "exec lmkit pretrain gpt2-stdlib -o /lmkit/runs/gpt2-stdlib --processes 8 --resume "
        "--max-restarts 3\n"
    )


def test_each_of_several_machines_knows_which_it_is(tmp_path: Path) -> None:
    found = yaml.safe_load(task(asked(nodes=2, gpus=0), SkyPilot("all"), "pip install lmkit"))
    assert unknown(found) == []
    assert found["volumes"] == {"/lmkit": "all"}
    assert found["num_nodes"] == 2
    assert found["setup"] == "pip install lmkit\n"
    (tmp_path / "lmkit").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "lmkit").chmod(0o755)
    there = {"SKYPILOT_NODE_IPS": "10.0.0.7\n10.0.0.8", "SKYPILOT_NODE_RANK": "1"}
    environment = os.environ | there | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run(
        ["bash", "-eu", "-c", found["run"]], env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert "--nodes 2 --node-rank 1 --rendezvous 10.0.0.7:29500 --resume" in ran.stdout


def test_what_it_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--gpus-per-node 1: say with --gpu which"):
        task(asked(), SkyPilot("v"))
    with pytest.raises(UsageError, match="--gpus-per-node 0: and --gpu"):
        task(asked(gpus=0), SkyPilot("v", "H100"))
    with pytest.raises(UsageError, match=r"--storage s3://b: on a bucket .* name a volume"):
        task(asked(nodes=2, gpus=0), SkyPilot("s3://b"))
    with pytest.raises(UsageError, match="--infra: found 'a b'"):
        SkyPilot("v", infra="a b")
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("task: {name: causal_lm}\nmodel: {source: a/b}\ndata: {dataset: stdlib}\n")
    with pytest.raises(UsageError, match="name a recipe below it, by a relative path"):
        task(asked(str(recipe), gpus=0), SkyPilot("v"))
    monkeypatch.chdir(tmp_path)
    assert " mine.yaml -o /lmkit/runs/mine " in task(asked("mine.yaml", gpus=0), SkyPilot("v"))
