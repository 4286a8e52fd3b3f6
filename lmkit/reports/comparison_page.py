"""Runs side by side on one page: their curves over one another, scores, recipes and cost."""

from lmkit.errors import UsageError
from lmkit.reports.comparison import Comparison
from lmkit.reports.numbers import with_interval
from lmkit.reports.page import fill, fitting
from lmkit.reports.plots import overlaid


def render_comparison(found: Comparison) -> str:
    """The page of several runs; scores that may not be compared are left out, and it says why."""
    refused = ""
    try:
        found.require_same_data()
    except UsageError as error:
        refused = str(error)
    figures = overlaid({name: run.log for name, run in zip(found.names, found.runs, strict=True)})

    def make(rows: int, longest: int) -> str:
        return fill(
            "comparison.html.j2", " and ".join(found.names), figures, longest,
            found=found,
            refused=refused,
            scores=[] if refused else _scores(found),
            rows=rows,
            curves=figures,
        )  # fmt: skip

    return fitting(make)


def _scores(found: Comparison) -> list[tuple[str, list[str], list[tuple[str, str, str]]]]:
    """Of each metric all values, and of each further run the difference, its p-value and test."""
    told = []
    for name in found.metrics:
        values = [
            with_interval(run.of_summary("metrics").get(name), run.interval(name))
            for run in found.runs
        ]
        changes = []
        for against in found.against:
            one = against.differences.get(name)
            if one is None:
                changes.append(("-", "-", "-"))
            else:
                changes.append((with_interval(one.value, one.interval), f"{one.p:.2g}", one.test))
        told.append((name, values, changes))
    return told
