"""The objects for Kubernetes: their fields, how they fit together, their shell."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lmkit.errors import UsageError
from lmkit.jobs.job import Job, job
from lmkit.jobs.kubernetes import Kubernetes, manifests

# Of the API reference (v1, batch/v1), of what a file of ours may hold; a list is of its items.
OBJECT = {"apiVersion": None, "kind": None, "metadata": {"name": None, "namespace": None}}
EXIT_CODES = {"containerName": None, "operator": None, "values": None}
RULE = {
    "action": None, "onExitCodes": EXIT_CODES, "onPodConditions": {"type": None, "status": None},
}  # fmt: skip
CONTAINER = {
    "name": None, "image": None, "workingDir": None, "command": None, "args": None,
    "env": {"name": None, "value": None}, "volumeMounts": {"name": None, "mountPath": None},
    "resources": {
        "requests": {"cpu": None, "memory": None}, "limits": {"nvidia.com/gpu": None},
    },
}  # fmt: skip
VOLUME = {
    "name": None, "persistentVolumeClaim": {"claimName": None}, "emptyDir": {"medium": None},
    "configMap": {"name": None},
}  # fmt: skip
POD = {
    "restartPolicy": None, "terminationGracePeriodSeconds": None, "subdomain": None,
    "containers": CONTAINER, "volumes": VOLUME,
}  # fmt: skip
JOB = {
    "completionMode": None, "completions": None, "parallelism": None, "backoffLimit": None,
    "podFailurePolicy": {"rules": RULE},
    "template": {"metadata": {"labels": {"app": None}}, "spec": POD},
}  # fmt: skip
PORTS = {"name": None, "port": None}
SERVICE = {
    "clusterIP": None, "publishNotReadyAddresses": None, "selector": {"job-name": None},
    "ports": PORTS,
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "ConfigMap": OBJECT | {"data": None},
    "Service": OBJECT | {"spec": SERVICE},
    "Job": OBJECT | {"spec": JOB},
}
RECIPE = "task: {name: causal_lm}\nmodel: {source: a/b}\ndata: {dataset: stdlib}\n"


def asked(recipe: str = "gpt2-stdlib", nodes: int = 1, gpus: int = 1) -> Job:
    return job(recipe, (), nodes=nodes, gpus_per_node=gpus, max_restarts=3)


def unknown(found: Any, allowed: Any, path: str) -> list[str]:
    """Fields that the API does not have."""
    if allowed is None:
        return []
    if isinstance(found, list):
        return [name for item in found for name in unknown(item, allowed, path)]
    names = [f"{path}.{key}" for key in set(found) - set(allowed)]
    both = set(found) & set(allowed)
    below = [unknown(found[key], allowed[key], f"{path}.{key}") for key in both]
    return names + [name for names in below for name in names]


def objects(job: Job, what: Kubernetes) -> dict[str, dict[str, Any]]:
    """By kind, each with known fields alone."""
    found = {one["kind"]: one for one in yaml.safe_load_all(manifests(job, what))}
    for kind, one in found.items():
        assert unknown(one, KINDS[kind], kind) == []
    return found


def test_the_pods_of_a_job_find_one_another(tmp_path: Path) -> None:
    recipe = tmp_path / "My recipe.yaml"
    recipe.write_text(RECIPE)
    what = Kubernetes("me/lmkit:1", "claim", "team", cpu="8", memory="64Gi")
    found = objects(asked(str(recipe), nodes=4, gpus=8), what)
    assert {one["metadata"]["namespace"] for one in found.values()} == {"team"}
    name = found["Service"]["metadata"]["name"]
    spec = found["Job"]["spec"]
    pod = spec["template"]["spec"]
    assert pod["subdomain"] == name == "my-recipe"
    assert found["Service"]["spec"]["selector"] == {"job-name": found["Job"]["metadata"]["name"]}
    assert (spec["completions"], spec["parallelism"]) == (4, 4)
    container = pod["containers"][0]
    assert container["resources"] == {
        "requests": {"cpu": "8", "memory": "64Gi"},
        "limits": {"nvidia.com/gpu": 8},
    }
    assert found["ConfigMap"]["data"] == {"my-recipe.yaml": RECIPE}
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert set(mounts) == {one["name"] for one in pod["volumes"]}
    (tmp_path / "lmkit").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "lmkit").chmod(0o755)
    ran = subprocess.run(
        [*container["command"], *container["args"]], capture_output=True, text=True, check=True,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "JOB_COMPLETION_INDEX": "3"},
    )  # fmt: skip
    assert ran.stdout == (
        f"pretrain {mounts['recipe']}/my-recipe.yaml -o /lmkit/runs/My recipe --processes 8 "
        "--nodes 4 --node-rank 3 --rendezvous my-recipe-0.my-recipe:29500 --resume "
        "--max-restarts 3\n"
    )


def test_what_is_tried_again_and_what_is_not() -> None:
    found = objects(asked(), Kubernetes("me/lmkit:1", "claim"))
    assert set(found) == {"Job"}  # a recipe of lmkit's own, and nobody to meet
    rules = found["Job"]["spec"]["podFailurePolicy"]["rules"]
    codes = {rule["action"]: rule["onExitCodes"]["values"] for rule in rules[1:]}
    assert codes == {"Ignore": [138, 143], "FailJob": [2, 3]}
    assert rules[0]["action"] == "Ignore"
    assert rules[0]["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    pod = found["Job"]["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"  # what a failure policy asks for
    assert pod["terminationGracePeriodSeconds"] >= 60


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"image": "a b"}, "--image: found 'a b'"),
        ({"storage": "Not"}, "--storage: found 'Not'; allowed are small letters"),
        ({"namespace": "-x"}, "--namespace: found '-x'"),
        ({"cpu": "many"}, "--cpu: found 'many'; allowed are quantities"),
        ({"memory": "64 GB"}, "--memory: found '64 GB'"),
    ],
)
def test_what_the_api_would_refuse(options: dict[str, str], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        Kubernetes(**({"image": "a", "storage": "b"} | options))
