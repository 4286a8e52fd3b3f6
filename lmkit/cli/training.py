"""What `lmkit pretrain` and `lmkit finetune` share: all of their options, and how they start."""

import json
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from lmkit.cli.options import Json, Overrides, Quiet, RecipeArgument

if TYPE_CHECKING:
    from lmkit.recipe.base import Verb  # it brings pydantic, which `lmkit --help` does without

Output = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="DIR", help="The run folder (short for --set output_dir=DIR)."
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on from the newest whole checkpoint; with nothing to resume, start.",
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Move an earlier run aside; it is deleted once the new one has a checkpoint.",
    ),
]
AllowChanged = Annotated[
    list[str] | None,
    typer.Option("--allow-changed", metavar="KEY", help="Resume although KEY changed; repeatable."),
]
ProcessCount = Annotated[
    int | None,
    typer.Option(
        "--processes",
        metavar="N",
        min=1,
        help="Processes on this machine (default: one per GPU, else 1).",
    ),
]
Nodes = Annotated[int, typer.Option("--nodes", metavar="N", min=1, help="Machines that take part.")]
NodeRank = Annotated[
    int, typer.Option("--node-rank", metavar="K", min=0, help="Which of them this is, from 0.")
]
Rendezvous = Annotated[
    str | None,
    typer.Option("--rendezvous", metavar="HOST:PORT", help="Where the machines meet: rank 0's."),
]
MaxRestarts = Annotated[
    int,
    typer.Option(
        "--max-restarts", metavar="N", min=0, help="Go on by itself N times after a process died."
    ),
]
Seeds = Annotated[
    int | None,
    typer.Option(
        "--seeds",
        metavar="N",
        min=1,
        help="N runs with the seeds train.seed, +1, ... into DIR/seed-1 to -N, on the same data; "
        "DIR/summary.json has mean and standard deviation.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Check and estimate everything; train and write nothing."),
]


def command(verb: "Verb", purpose: str) -> Callable[..., None]:
    """The function behind one of the two commands; `purpose` is its help text."""

    def train(
        context: typer.Context,
        recipe: RecipeArgument,
        overrides: Overrides = None,
        output: Output = None,
        resume: Resume = False,
        overwrite: Overwrite = False,
        allow_changed: AllowChanged = None,
        processes: ProcessCount = None,
        nodes: Nodes = 1,
        node_rank: NodeRank = 0,
        rendezvous: Rendezvous = None,
        max_restarts: MaxRestarts = 0,
        seeds: Seeds = None,
        dry_run: DryRun = False,
        as_json: Json = False,
        quiet: Quiet = False,
    ) -> None:
        from lmkit import spawn, worker
        from lmkit.recipe.load import load_recipe
        from lmkit.recipe.run_options import RunOptions
        from lmkit.secrets import without_secrets

        options = RunOptions(
            verb=verb,
            resume=resume or (worker.has_begun() if overwrite else worker.is_restart()),
            overwrite=overwrite and not worker.has_begun(),
            allow_changed=tuple(allow_changed or ()),
            dry_run=dry_run,
            as_json=as_json,
            quiet=quiet,
            command=without_secrets(shlex.join(["lmkit", *context.obj])),
        )
        loaded = load_recipe(recipe, overrides or (), output)
        options.check_task(loaded.task)
        asked = spawn.Processes(processes, nodes, node_rank, rendezvous, max_restarts)
        if dry_run:
            from lmkit.commands.plan import plan

            here = spawn.count_here(asked)
            planned = plan(loaded, seeds or 1, processes=here, nodes=nodes)
            typer.echo(json.dumps(planned.as_dict()) if as_json else planned.show())
            return

        from lmkit.commands.claim import finished_summary
        from lmkit.commands.summary import show

        summary = finished_summary(loaded, options) if seeds is None else None
        if summary is None:
            code = spawn.start_if_asked(asked, context.obj)
            if code is not None:
                raise typer.Exit(code)
            if seeds is None:
                from lmkit.commands.train import run

                summary = run(loaded, options)
            else:
                from lmkit.commands.seeds import run_seeds
                from lmkit.commands.summary import show_seeds

                summary, show = run_seeds(loaded, options, seeds), show_seeds
        typer.echo(json.dumps(summary) if as_json else show(summary))

    train.__doc__ = purpose
    return train
