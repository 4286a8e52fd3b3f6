"""SkyPilot: a task for `sky jobs launch`, which starts it again where its machines are taken away.

The run folder and the cache lie on storage that outlives the machines.
https://docs.skypilot.co/en/latest/reference/yaml-spec.html has the fields.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from lmkit.errors import UsageError
from lmkit.jobs.documents import documents
from lmkit.jobs.job import PORT, SHARED, Job, plain

NO_SETUP = "lmkit --version  # the image has lmkit\n"


@dataclass(frozen=True)
class SkyPilot:
    """What SkyPilot is asked for beside the machines."""

    storage: str
    """A bucket (`s3://...`), or the name of a volume."""
    gpu: str | None = None
    """The kind of GPU, as `sky show-gpus` names it."""
    infra: str | None = None
    """Where: a cloud, or a cloud with its region (`aws/us-east-1`)."""
    image: str | None = None
    """A container image."""
    spot: bool = False
    """Machines that are cheaper, and may be taken away."""

    def __post_init__(self) -> None:
        """Check what SkyPilot would refuse.

        Raises:
            UsageError: an option that is not of its form.
        """
        plain("--storage", self.storage)
        plain("--gpu", self.gpu)
        plain("--infra", self.infra)
        plain("--image", self.image)


def task(job: Job, asked: SkyPilot, setup: str | None = None) -> str:
    """The task as one YAML document.

    Args:
        job: what is trained.
        asked: what SkyPilot is asked for.
        setup: shell commands that install lmkit on each machine.

    Raises:
        UsageError: a recipe that the machines would not have, GPUs of no kind, or a bucket for
            several machines.
    """
    if (asked.gpu is None) != (job.gpus_per_node == 0):
        raise UsageError(
            f"--gpus-per-node {job.gpus_per_node}: "
            + ("say with --gpu which" if job.gpus_per_node else "and --gpu; give one of them")
        )
    path = PurePosixPath(job.recipe)
    if not job.is_packaged and (path.is_absolute() or ".." in path.parts):
        raise UsageError(
            f"{job.recipe}: the machines are given the folder that `sky jobs launch` is called in; "
            "name a recipe below it, by a relative path"
        )
    is_bucket = "://" in asked.storage
    if is_bucket and job.nodes > 1:
        raise UsageError(
            f"--storage {asked.storage}: on a bucket a machine sees late what another one has "
            f"written, so a run on {job.nodes} machines cannot go on from it; name a volume "
            "(sky volumes apply) that all may write"
        )
    resources: dict[str, Any] = {
        "infra": asked.infra,
        "accelerators": f"{asked.gpu}:{job.gpus_per_node}" if asked.gpu else None,
        "use_spot": asked.spot or None,
        "image_id": f"docker:{asked.image}" if asked.image else None,
        "job_recovery": {"max_restarts_on_errors": job.max_restarts},
    }
    # MOUNT_CACHED: a plain mount of a bucket can neither append to a file nor rename one
    bucket = {"source": asked.storage, "mode": "MOUNT_CACHED"}
    storage: dict[str, Any] = {"volumes": {SHARED: asked.storage}}
    if is_bucket:
        storage = {"file_mounts": {SHARED: bucket}}
    document = {
        "name": job.name,
        "num_nodes": job.nodes,
        "resources": {key: value for key, value in resources.items() if value is not None},
        "workdir": ".",
        **storage,
        "envs": {"LMKIT_CACHE": f"{SHARED}/.lmkit-cache"},
        "setup": f"{setup}\n" if setup else NO_SETUP,
        "run": _run(job),
    }
    head = (
        "sky jobs launch this file, from the folder that relative paths begin at; sky jobs queue\n"
        "and sky jobs logs follow it."
    )
    return documents(head, [document])


def _run(job: Job) -> str:
    command = job.command(host=f"$first:{PORT}", rank="$SKYPILOT_NODE_RANK", output=job.on_shared())
    first = 'first=$(echo "$SKYPILOT_NODE_IPS" | head -n 1)\n' if job.nodes > 1 else ""
    return f"{first}exec {command}\n"
