"""Write what the commands of docs/clusters.md print into the page, below each of them.

python docs/write_clusters.py            writes it (`make docs`)
python docs/write_clusters.py --check    says what differs, and ends with 1 if anything does
"""

import contextlib
import difflib
import io
import re
import shlex
import sys
from pathlib import Path

from lmkit import cli

PAGE = Path(__file__).parent / "clusters.md"
BLOCK = re.compile(
    r"(```console\n\$ lmkit ([^\n]*)\n```\n\n```(?:bash|yaml)\n).*?(```\n)", re.DOTALL
)


def printed(match: re.Match[str]) -> str:
    """A command's block, and behind it the block of what it prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code, told = cli.run(shlex.split(match[2]))
    if code != 0:
        raise SystemExit(f"{match[2]}: {told}")
    return f"{match[1]}{output.getvalue()}{match[3]}"


def main(arguments: list[str]) -> int:
    """Write the page, or compare it with what it would be."""
    text = PAGE.read_text()
    wanted = BLOCK.sub(printed, text)
    if arguments != ["--check"]:
        PAGE.write_text(wanted)
        return 0
    both = (text.splitlines(), wanted.splitlines())
    differing = list(difflib.unified_diff(*both, "docs/clusters.md", "printed", lineterm=""))
    sys.stdout.write("\n".join(differing))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
