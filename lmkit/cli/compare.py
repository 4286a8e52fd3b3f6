"""`lmkit compare`: runs side by side."""

from typing import Annotated

import typer

from lmkit.cli.options import Json, Quiet

Runs = Annotated[
    list[str],
    typer.Argument(metavar="RUN RUN...", help="Finished runs; each is compared with the first."),
]


def compare(
    runs: Runs,
    as_json: Json = False,
    quiet: Quiet = False,  # noqa: ARG001 - acts when it is read
) -> None:
    """Say how runs differ: scores with paired tests, recipes line by line, cost, a verdict."""
    from lmkit.commands.compare import compare

    compare(runs, as_json=as_json)
