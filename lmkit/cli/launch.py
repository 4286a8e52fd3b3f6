"""`lmkit launch`: job files for the schedulers of clusters."""

from pathlib import Path
from typing import Annotated

import typer

from lmkit.cli.options import Overrides, RecipeArgument

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Job files that train a recipe on a cluster (docs/clusters.md).",
)

Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Write the job file here (default: print it)."
    ),
]
Nodes = Annotated[int, typer.Option("--nodes", metavar="N", min=1, help="Machines.")]
GpusPerNode = Annotated[
    int,
    typer.Option(
        "--gpus-per-node", metavar="M", min=0, help="GPUs, and processes, of each; 0: its CPUs."
    ),
]
MaxRestarts = Annotated[
    int,
    typer.Option("--max-restarts", metavar="N", min=0, help="Restarts after a process died."),
]
Setup = Annotated[
    str | None,
    typer.Option(
        "--setup", metavar="COMMANDS", help="Shell commands before it, which install or find lmkit."
    ),
]


@app.command()
def slurm(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    output: Output = None,
    nodes: Nodes = 1,
    gpus_per_node: GpusPerNode = 1,
    max_restarts: MaxRestarts = 3,
    setup: Setup = None,
    time: Annotated[
        str | None, typer.Option("--time", metavar="TIME", help="Its limit, such as 24:00:00.")
    ] = None,
    partition: Annotated[
        str | None, typer.Option("--partition", metavar="NAME", help="Where it queues.")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="NAME", help="Who pays for it.")
    ] = None,
    cpus_per_task: Annotated[
        int | None,
        typer.Option("--cpus-per-task", metavar="N", min=1, help="CPU cores of each machine."),
    ] = None,
    mem: Annotated[
        str | None, typer.Option("--mem", metavar="SIZE", help="Memory of each, such as 64G.")
    ] = None,
) -> None:
    """A batch script for sbatch.

    Saves before the time limit, queues again, and goes on.
    """
    from lmkit.jobs.job import job
    from lmkit.jobs.slurm import Slurm, script

    asked = Slurm(time, partition, account, cpus_per_task, mem)
    what = job(
        recipe, overrides or (), nodes=nodes, gpus_per_node=gpus_per_node, max_restarts=max_restarts
    )
    _give(script(what, asked, setup), output)


@app.command()
def skypilot(
    recipe: RecipeArgument,
    storage: Annotated[
        str,
        typer.Option(
            "--storage",
            metavar="PLACE",
            help="Where the run is kept: a bucket (s3://..., one machine), or a volume's name.",
        ),
    ],
    overrides: Overrides = None,
    output: Output = None,
    nodes: Nodes = 1,
    gpus_per_node: GpusPerNode = 1,
    max_restarts: MaxRestarts = 3,
    setup: Setup = None,
    gpu: Annotated[
        str | None, typer.Option("--gpu", metavar="KIND", help="Its kind, such as H100.")
    ] = None,
    infra: Annotated[
        str | None, typer.Option("--infra", metavar="CLOUD", help="Where, such as aws/us-east-1.")
    ] = None,
    image: Annotated[
        str | None, typer.Option("--image", metavar="NAME", help="A container image.")
    ] = None,
    spot: Annotated[
        bool, typer.Option("--spot", help="Cheaper machines, which may be taken away.")
    ] = False,
) -> None:
    """A task for `sky jobs launch`.

    Started again elsewhere if its machines are taken away, and goes on.
    """
    from lmkit.jobs.job import job
    from lmkit.jobs.skypilot import SkyPilot, task

    asked = SkyPilot(storage, gpu, infra, image, spot)
    what = job(
        recipe, overrides or (), nodes=nodes, gpus_per_node=gpus_per_node, max_restarts=max_restarts
    )
    _give(task(what, asked, setup), output)


@app.command()
def kubernetes(
    recipe: RecipeArgument,
    image: Annotated[
        str, typer.Option("--image", metavar="NAME", help="A container image that has lmkit.")
    ],
    storage: Annotated[
        str,
        typer.Option(
            "--storage", metavar="CLAIM", help="A PersistentVolumeClaim that all pods may write."
        ),
    ],
    overrides: Overrides = None,
    output: Output = None,
    nodes: Nodes = 1,
    gpus_per_node: GpusPerNode = 1,
    max_restarts: MaxRestarts = 3,
    namespace: Annotated[
        str | None, typer.Option("--namespace", metavar="NAME", help="Where it runs.")
    ] = None,
    cpu: Annotated[
        str | None, typer.Option("--cpu", metavar="N", help="CPUs of each pod, such as 8.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option("--memory", metavar="SIZE", help="Memory of each, such as 64Gi.")
    ] = None,
) -> None:
    """An Indexed Job for `kubectl apply`, with what it needs.

    A pod that is taken away comes back and goes on.
    """
    from lmkit.jobs.job import job
    from lmkit.jobs.kubernetes import Kubernetes, manifests

    asked = Kubernetes(image, storage, namespace, cpu, memory)
    what = job(
        recipe, overrides or (), nodes=nodes, gpus_per_node=gpus_per_node, max_restarts=max_restarts
    )
    _give(manifests(what, asked), output)


def _give(text: str, output: Path | None) -> None:
    """Print a job file, or write it whole; none that holds a secret."""
    from lmkit.jobs.job import without_secret

    text = without_secret(text)
    if output is None:
        typer.echo(text, nl=False)
        return
    from lmkit.commands.output import check_output
    from lmkit.run_folder import write_text

    check_output(str(output))
    write_text(output, text)
