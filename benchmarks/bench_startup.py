"""Start-up: `lmkit --help` and the help of every command, beside a Typer app that does nothing.

Promise: at most 1.5 times the empty app, and under 0.25 s on two quiet cores. Each round runs both
in fresh processes, in alternating order; the ratio is the median of the rounds' own ratios.

usage: python benchmarks/bench_startup.py [--rounds 9]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from lmkit.cli import app

ROUNDS = 9
LIMIT = 1.5  # times the empty app
SECONDS = 0.25

EMPTY_APP = """
import typer
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
@app.command()
def one(name: str): ...
@app.command()
def two(name: str): ...
app()
"""


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command, `lmkit` itself (no word) first."""
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


def seconds(command: list[str]) -> float:
    """The wall time of one fresh process."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def compare(ours: list[str], theirs: list[str], rounds: int) -> tuple[float, float, float]:
    """Median seconds of either, and the median ratio; one round first that does not count."""
    pairs = []
    for number in range(rounds + 1):
        if number % 2:
            mine, empty = seconds(ours), seconds(theirs)
        else:
            empty, mine = seconds(theirs), seconds(ours)
        pairs.append((mine, empty))
    pairs = pairs[1:]
    return (
        statistics.median(mine for mine, _ in pairs),
        statistics.median(empty for _, empty in pairs),
        statistics.median(mine / empty for mine, empty in pairs),
    )


def main() -> int:
    """Print a line a command; 1 if any ratio is over the limit."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    kept = True
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY_APP)
        print(f"{'command':<32} {'lmkit s':>8} {'empty s':>8} {'ratio':>6}   ({rounds} rounds)")
        for path in commands(typer.main.get_command(app)):
            ours = [sys.executable, "-m", "lmkit", *path, "--help"]
            theirs = [sys.executable, str(empty), *(["one"] if path else []), "--help"]
            mine, other, ratio = compare(ours, theirs, rounds)
            slow = f"  over {SECONDS} s" if mine > SECONDS else ""
            name = " ".join(("lmkit", *path))
            print(f"{name:<32} {mine:>8.3f} {other:>8.3f} {ratio:>6.2f}{slow}")
            kept = kept and ratio <= LIMIT
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
