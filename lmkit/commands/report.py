"""`lmkit report`: a run as one page, at its end and whenever it is asked for."""

import logging
import sys
from pathlib import Path

from jinja2 import TemplateError

from lmkit.commands.output import check_output
from lmkit.errors import LmkitError
from lmkit.reports.facts import RunFacts
from lmkit.reports.page import render
from lmkit.run_folder import RunFolder, find_run, write_text

logger = logging.getLogger(__name__)


def report(target: str, output: str | None) -> None:
    """Write the page of a run, finished or not, and tell where.

    Args:
        target: a run folder.
        output: the file; None: `report.html` of the run folder.

    Raises:
        RunFolderError: it is no run, or cannot be read or written.
        UsageError: the output is a folder, or lies in none.
    """
    check_output(output)
    run = find_run(target)
    path = run.report if output is None else Path(output)
    write_text(path, render(RunFacts.of(run)))
    sys.stdout.write(f"{path}\n")


def leave_report(run: RunFolder) -> None:
    """Write the page of a run that ended; a page that cannot be written costs no run."""
    try:
        write_text(run.report, render(RunFacts.of(run)))
    except (LmkitError, OSError, TemplateError, ArithmeticError, LookupError, TypeError,
            ValueError) as error:  # fmt: skip
        logger.warning(
            "%s: could not be written (%s); all else is done, and `lmkit report %s` tries again",
            run.report, error, run.path,
        )  # fmt: skip
