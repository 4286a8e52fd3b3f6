"""`lmkit report`: a run, or several side by side, as one page; at its end and on demand."""

import importlib
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from jinja2 import TemplateError

from lmkit.commands.output import check_output
from lmkit.errors import GuardStopError, InterruptedRunError, LmkitError, UsageError
from lmkit.reports.comparison import Comparison
from lmkit.reports.comparison_page import render_comparison
from lmkit.reports.facts import RunFacts
from lmkit.reports.run_page import render
from lmkit.run_folder import RunFolder, find_run, write_text

TOGETHER = "comparison.html"
"""The page of several runs, in the working directory."""

logger = logging.getLogger(__name__)


def report(targets: Sequence[str], output: str | None, explained: Sequence[str] = ()) -> None:
    """Write the page of a run or of several, finished or not, and tell where.

    Args:
        targets: run folders.
        output: the file; None: `report.html` of the one run folder, `comparison.html` here of more.
        explained: texts whose tokens are told by what they add to the answer of the one run.

    Raises:
        RunFolderError: one is no run, or cannot be read or written.
        UsageError: the output is a folder, or lies in none; a run is named twice.
    """
    check_output(output)
    runs = [find_run(target) for target in targets]
    if len(runs) == 1:
        facts = RunFacts.of(runs[0])
        if explained:
            facts = _explained(facts, targets[0], explained)
        path, page = runs[0].report, render(facts)
    elif explained:
        raise UsageError("--explain: of one run; several are set side by side without")
    else:
        path, page = Path(TOGETHER), render_comparison(Comparison(runs))
    path = path if output is None else Path(output)
    write_text(path, page)
    sys.stdout.write(f"{path}\n")


def _explained(facts: RunFacts, target: str, texts: Sequence[str]) -> RunFacts:
    """The facts with the attributions of texts among the details."""
    explain = importlib.import_module("lmkit.commands.explain").explain  # a page needs no torch
    found = [one.detail(n).as_json() for n, one in enumerate(explain(target, texts), 1)]
    return replace(facts, details=[*facts.details, *found])


def leave_report(run: RunFolder) -> None:
    """Write the page of a run that ended; a page that cannot be written costs no run."""
    with _costing_nothing(run.report, [run]):
        write_text(run.report, render(RunFacts.of(run)))


def leave_comparison(folder: Path, runs: Sequence[RunFolder]) -> None:
    """Write the page of runs of one recipe into the folder around them, in the same way."""
    path = RunFolder(folder).report
    with _costing_nothing(path, runs):
        write_text(path, render_comparison(Comparison(runs)))


@contextmanager
def _costing_nothing(path: Path, runs: Sequence[RunFolder]) -> Iterator[None]:
    """Warn of whatever keeps a page from being written, and of how to try again."""
    try:
        yield
    except (LmkitError, OSError, TemplateError, ArithmeticError, LookupError, TypeError,
            ValueError) as error:  # fmt: skip
        logger.warning(
            "%s: could not be written (%s); all else is done, and `lmkit report %s` tries again",
            path, error, " ".join(str(run.path) for run in runs),
        )  # fmt: skip


@contextmanager
def reported_when_stopped(run: RunFolder, *, write: bool) -> Iterator[None]:
    """Leave the page of a run that the guard or a signal stops.

    Args:
        run: its folder.
        write: whether this process writes.
    """
    try:
        yield
    except (GuardStopError, InterruptedRunError):
        if write:
            leave_report(run)
        raise
