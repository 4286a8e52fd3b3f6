"""`lmkit compare`: runs side by side, with what can be said of their difference."""

import json
import sys
import textwrap
from collections.abc import Iterator, Sequence

from lmkit.errors import UsageError
from lmkit.reports.comparison import Comparison
from lmkit.reports.numbers import cut, figure, with_interval
from lmkit.run_folder import find_run

WIDTH = 88  # columns of a sentence
LIMIT = (
    "This is about these models and rows; how far a recipe varies by its seed, `--seeds N` tells."
)
_CELL = 40  # characters of a value in a table


def compare(targets: Sequence[str], *, as_json: bool) -> None:
    """Tell how runs differ from the first of them.

    Args:
        targets: two run folders or more.
        as_json: one object instead of tables.

    Raises:
        RunFolderError: one is no run, or cannot be read.
        UsageError: they cannot be compared; says why.
    """
    if len(targets) < 2:
        raise UsageError("one run has nothing to be compared with; name two or more")
    found = Comparison([find_run(target) for target in targets])
    found.require_same_data()
    text = json.dumps(found.as_json(), ensure_ascii=False) if as_json else "\n".join(_told(found))
    sys.stdout.write(text + "\n")


def _told(found: Comparison) -> Iterator[str]:
    """For people: the verdicts, then scores, recipes and cost."""
    for sentence in found.verdicts():
        yield from textwrap.wrap(sentence, WIDTH)
    yield from textwrap.wrap(LIMIT, WIDTH)
    yield ""
    yield from _table(_scores(found))
    for name, one in zip(found.names[1:], found.against, strict=True):
        if one.reason:
            yield from textwrap.wrap(f"{name}: {one.reason}", WIDTH)
    if changed := found.recipes():
        yield ""
        rows = [(key, *(cut(value, _CELL) for value in told)) for key, told in changed]
        yield from _table([("recipe", *found.names), *rows])
    else:
        yield "the recipes are the same"
    yield ""
    rows = [(key, *map(figure, told)) for key, told in found.costs()]
    yield from _table([("training", *found.names), *rows])


def _scores(found: Comparison) -> Iterator[tuple[str, ...]]:
    """A line a metric: each run's value and interval, then each difference from the first."""
    first = found.names[0]
    less = [f"{name} - {first}" for name in found.names[1:]]
    yield ("metric", *found.names, *less, "p", "test")
    for name in found.metrics:
        cells = [
            with_interval(run.of_summary("metrics").get(name), run.interval(name))
            for run in found.runs
        ]
        known = [one.differences.get(name) for one in found.against]
        cells += ["-" if one is None else with_interval(one.value, one.interval) for one in known]
        cells.append(" ".join("-" if one is None else f"{one.p:.2g}" for one in known))
        cells.append(next((one.test for one in known if one is not None), "-"))
        yield (name, *cells)


def _table(rows: Iterator[tuple[str, ...]] | Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Columns under one another, the first to the left."""
    listed = list(rows)
    widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
    for row in listed:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
