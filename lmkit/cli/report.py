"""`lmkit report`: a run as one page."""

from typing import Annotated

import typer

from lmkit.cli.options import Quiet

Runs = Annotated[
    list[str],
    typer.Argument(metavar="RUN...", help="Run folders, finished or not; several: side by side."),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The page (default: report.html in the run folder; of several, comparison.html).",
    ),
]
Explain = Annotated[
    list[str] | None,
    typer.Option(
        "--explain",
        metavar="TEXT",
        help="Also show which tokens of this text the model's answer comes from; repeatable.",
    ),
]


def report(
    runs: Runs,
    output: Output = None,
    explain: Explain = None,
    quiet: Quiet = False,  # noqa: ARG001 - acts when it is read
) -> None:
    """Write a run as one HTML page that opens without a network: scores, curves, data, origin."""
    from lmkit.commands.report import report

    report(runs, output, explain or ())
