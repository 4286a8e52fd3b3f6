"""Write the tree in README.md: every file of the package with the first line of its docstring.

python docs/write_tree.py            writes it (`make docs`)
python docs/write_tree.py --check    ends with 1 if it differs
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "README.md"
BEGIN, END = "<!-- tree: written by `make docs` -->", "<!-- end of tree -->"
NAMES = 32  # the column where phrases begin

AROUND = {
    "pyproject.toml": "dependencies, extras, and the settings of every tool",
    "constraints.txt": "the exact versions that were tried",
    "Makefile": "the words that people and CI use; `make help` lists them",
    ".ci/run": "what must hold before a change lands",
    "docs/": "cli.md, clusters.md, and the scripts that write them and this tree",
    "benchmarks/": "one file a promise about speed, memory or quality, and the figures",
    "tests/": "the tree of lmkit/, file for file, and the rules of the house",
}


def phrase(path: Path) -> str:
    """The first line of a module's docstring."""
    first = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
    return first.partition("; ")[0].rstrip(".")


def package(folder: Path, depth: int = 0) -> Iterator[str]:
    """The lines of one package: itself, its files, then the packages in it."""
    yield row(f"{folder.name}/", depth, phrase(folder / "__init__.py"))
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py":
            yield row(path.name, depth + 1, phrase(path))
    for below in sorted(path.parent for path in folder.glob("*/__init__.py")):
        yield from package(below, depth + 1)


def recipes(folder: Path) -> Iterator[str]:
    """The packaged recipes, each with the command on its first line."""
    yield row("recipes/", 0, "packaged in the wheel; line 1 of each is the command that runs it")
    for path in sorted(folder.glob("*/*.yaml")):
        name = path.relative_to(folder).as_posix()
        yield row(name, 1, path.read_text().partition("\n")[0].lstrip("# "))


def row(name: str, depth: int, told: str) -> str:
    """A name under its folder, and its phrase."""
    return f"{'  ' * depth + name:<{NAMES}}{told}".rstrip()


def tree() -> str:
    """The whole tree as a block of text."""
    lines = [*package(ROOT / "lmkit"), *recipes(ROOT / "recipes")]
    lines += [row(name, 0, told) for name, told in AROUND.items()]
    return "\n".join([BEGIN, "", "```text", *lines, "```", "", END])


def main(arguments: list[str]) -> int:
    """Write the tree, or compare it with what it would be."""
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    wanted = head + tree() + rest.partition(END)[2]
    if arguments == ["--check"]:
        return 0 if wanted == text else 1
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
