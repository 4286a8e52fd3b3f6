"""Kubernetes: an Indexed Job, one pod a machine, with a headless Service by which they meet.

A pod that is taken away or stopped is started again under its name and goes on from the last
checkpoint; what the user must mend fails the Job at once.
https://kubernetes.io/docs/concepts/workloads/controllers/job/ has the fields.
"""

import re
import signal
from dataclasses import dataclass
from typing import Any

from lmkit.errors import GuardStopError, LmkitError, UsageError
from lmkit.jobs.documents import documents
from lmkit.jobs.job import GRACE_SECONDS, PORT, SHARED, Job, plain
from lmkit.recipe.load import locate, read_text

RECIPES = "/etc/lmkit"
"""Where the pod finds a recipe that does not come with lmkit."""
QUANTITY = re.compile(r"\d+(\.\d+)?(m|[KMGTP]i?)?")
LABEL = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(frozen=True)
class Kubernetes:
    """What Kubernetes is asked for beside the machines."""

    image: str
    """A container image that has lmkit."""
    storage: str
    """A PersistentVolumeClaim that all pods may write (ReadWriteMany)."""
    namespace: str | None = None
    cpu: str | None = None
    """CPUs of each pod, as a quantity."""
    memory: str | None = None
    """Memory of each pod, as a quantity."""

    def __post_init__(self) -> None:
        """Check what the API server would refuse.

        Raises:
            UsageError: an option that is not of its form.
        """
        plain("--image", self.image)
        for option, value in (("--storage", self.storage), ("--namespace", self.namespace)):
            if value is not None and not LABEL.fullmatch(value):
                raise UsageError(
                    f"{option}: found {value!r}; allowed are small letters, digits, - and ."
                )
        for option, value in (("--cpu", self.cpu), ("--memory", self.memory)):
            if value is not None and not QUANTITY.fullmatch(value):
                raise UsageError(
                    f"{option}: found {value!r}; allowed are quantities: 8, 500m, 64Gi"
                )


def manifests(job: Job, asked: Kubernetes) -> str:
    """The objects as one file for `kubectl apply -f`.

    Raises:
        UsageError: the run folder would not be on the claim.
    """
    parts: list[dict[str, Any]] = []
    recipe = job.recipe
    if not job.is_packaged:
        file = f"{job.name}.yaml"  # a key may not hold what a file's name may
        recipe = f"{RECIPES}/{file}"
        content = {file: read_text(locate(job.recipe))}
        parts.append({"apiVersion": "v1", "kind": "ConfigMap", "data": content})
    if job.nodes > 1:
        service = {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,  # they meet before any of them is ready
            "selector": {"job-name": job.name},
            "ports": [{"name": "rendezvous", "port": PORT}],
        }
        parts.append({"apiVersion": "v1", "kind": "Service", "spec": service})
    parts.append({"apiVersion": "batch/v1", "kind": "Job", "spec": _job(job, asked, recipe)})
    metadata = {"name": job.name}
    if asked.namespace:
        metadata["namespace"] = asked.namespace
    ordered = [
        {"apiVersion": part["apiVersion"], "kind": part["kind"], "metadata": metadata} | part
        for part in parts
    ]
    head = (
        "kubectl apply -f this file; kubectl logs -f job/" + job.name + " follows it.\n"
        f"Relative paths begin at {SHARED}, the claim {asked.storage}."
    )
    return documents(head, ordered)


def _job(job: Job, asked: Kubernetes, recipe: str) -> dict[str, Any]:
    stopped = [128 + signal.SIGUSR1, 128 + signal.SIGTERM]
    rules: list[dict[str, Any]] = [
        # another machine was taken away, or this one was asked to stop, and has saved
        {
            "action": "Ignore",
            "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
        },
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": stopped}},
        # starting again would come to the same
        {
            "action": "FailJob",
            "onExitCodes": {
                "operator": "In",
                "values": [LmkitError.exit_code, GuardStopError.exit_code],
            },
        },
    ]
    return {
        "completionMode": "Indexed",
        "completions": job.nodes,
        "parallelism": job.nodes,
        "backoffLimit": job.max_restarts,
        "podFailurePolicy": {"rules": rules},
        "template": {
            "metadata": {"labels": {"app": job.name}},
            "spec": _pod(job, asked, recipe),
        },
    }


def _pod(job: Job, asked: Kubernetes, recipe: str) -> dict[str, Any]:
    # exec: the signal of the end reaches lmkit, not the shell
    command = job.command(
        host=f"{job.name}-0.{job.name}:{PORT}", rank="$JOB_COMPLETION_INDEX", recipe=recipe,
        output=job.on_shared(),
    )  # fmt: skip
    resources: dict[str, Any] = {}
    requests = {"cpu": asked.cpu, "memory": asked.memory}
    if any(requests.values()):
        resources["requests"] = {key: value for key, value in requests.items() if value}
    if job.gpus_per_node:
        resources["limits"] = {"nvidia.com/gpu": job.gpus_per_node}
    mounts = [
        {"name": "shared", "mountPath": SHARED},
        {"name": "memory", "mountPath": "/dev/shm"},  # larger than 64 MB: loaders and NCCL
    ]
    volumes: list[dict[str, Any]] = [
        {"name": "shared", "persistentVolumeClaim": {"claimName": asked.storage}},
        {"name": "memory", "emptyDir": {"medium": "Memory"}},
    ]
    if not job.is_packaged:
        mounts.append({"name": "recipe", "mountPath": RECIPES})
        volumes.append({"name": "recipe", "configMap": {"name": job.name}})
    container = {
        "name": "lmkit",
        "image": asked.image,
        "workingDir": SHARED,
        "command": ["sh", "-c"],
        "args": [f"exec {command}\n"],
        "env": [{"name": "LMKIT_CACHE", "value": f"{SHARED}/.lmkit-cache"}],
        "volumeMounts": mounts,
    } | ({"resources": resources} if resources else {})
    meeting = {"subdomain": job.name} if job.nodes > 1 else {}
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        **meeting,
        "containers": [container],
        "volumes": volumes,
    }
