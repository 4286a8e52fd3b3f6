"""Write docs/cli.md, the reference of the command line, from the commands' own --help.

python docs/write_cli.py            writes docs/cli.md (`make docs`)
python docs/write_cli.py --check    says what differs, and ends with 1 if anything does
"""

import contextlib
import difflib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from lmkit import cli

PAGE = Path(__file__).parent / "cli.md"
WIDTH = "100"
HEAD = """# The command line

Written by `make docs` from the commands' own `--help`; a test compares the two.
"""


def paths(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command below `command`, itself first, in the order of `--help`."""
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from paths(below, (*path, name))


def page() -> str:
    """The whole reference: a heading and the help text for each command."""
    os.environ["COLUMNS"] = WIDTH
    parts = [HEAD]
    for path in paths(typer.main.get_command(cli.app)):
        written = io.StringIO()
        with contextlib.redirect_stdout(written):
            cli.run([*path, "--help"])
        title = " ".join(("lmkit", *path))
        parts.append(
            f"## {title}\n\n```text\n$ {title} --help\n{written.getvalue().rstrip()}\n```\n"
        )
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Write the page, or compare it with what it would be."""
    if arguments != ["--check"]:
        PAGE.write_text(page())
        return 0
    differing = list(
        difflib.unified_diff(
            PAGE.read_text().splitlines(), page().splitlines(), "docs/cli.md", "--help", lineterm=""
        )
    )
    sys.stdout.write("\n".join(differing))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
