"""The functions of the embedded data set that say what they do: source, and docstring beside it.

What is here serves every task that learns from code and its description. A function counts where
it has a docstring (PEP 257) and code besides; one inside another function is part of that one. A
function whose code occurs in an earlier split, or earlier in its own, is left out.
"""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lmkit.data.rows import Row
from lmkit.data.stdlib_files import library, modules

_WORDS = 2  # of a summary, at least
_Definition = ast.FunctionDef | ast.AsyncFunctionDef


class Function(NamedTuple):
    """A documented function or method, its source moved to the left margin."""

    path: str
    """Its file, below the library's folder, with slashes."""
    line: int
    """Where `def` stands in the file, from 1."""
    name: str
    """With its classes: `OptionParser.add_option`."""
    signature: str
    """From the first decorator to the colon, as many lines as there are."""
    body: str
    """What follows the docstring, indented as in the function."""
    docstring: str
    """The whole docstring, cleaned of its indentation (`inspect.cleandoc`)."""

    @property
    def code(self) -> str:
        """The function without its docstring; a line feed ends it."""
        return f"{self.signature}\n{self.body}\n"

    @property
    def source(self) -> str:
        """The function with its docstring, as cleaned; a line feed ends it."""
        margin = self.body[: len(self.body) - len(self.body.lstrip())] or " " * 4
        quoted = self.docstring.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        lines = textwrap.indent(quoted, margin).lstrip()
        end = f"\n{margin}" if "\n" in lines or lines.endswith('"') else ""
        return f'{self.signature}\n{margin}"""{lines}{end}"""\n{self.body}\n'

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return " ".join(self.docstring.split("\n", 1)[0].split())

    @property
    def origin(self) -> str:
        """`stdlib:FILE:LINE`, for messages."""
        return f"stdlib:{self.path}:{self.line}"


def functions(split: str) -> list[Function]:
    """The documented functions of a split (`train`, `validation`, `test`), by file and line."""
    return _functions(library())[split]


def summary_rows(split: str) -> Iterator[Row]:
    """One row a function: `source` (its code), `target` (first docstring line), `name`, `path`.

    A first line of a single word (`Hash.`) describes nothing and is left out.
    """
    for item in functions(split):
        if len(item.summary.split()) < _WORDS:
            continue
        values = {
            "source": item.code, "target": item.summary, "name": item.name, "path": item.path,
        }  # fmt: skip
        yield Row(values, item.origin)


@cache
def _functions(root: Path) -> dict[str, list[Function]]:
    """The functions of each split."""
    seen: set[str] = set()
    splits: dict[str, list[Function]] = {}
    for split, files in modules(root).items():
        kept = splits[split] = []
        for module in files:
            for item in documented(module.text, module.path):
                if item.code not in seen:
                    seen.add(item.code)
                    kept.append(item)
    return splits


def documented(text: str, path: str) -> Iterator[Function]:
    """The documented functions of a file, in the order of its lines; none where it is broken.

    Args:
        text: the source of the file.
        path: as it is to be named.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in old files
        try:
            tree = ast.parse(text)
        except SyntaxError:  # a template, or a file for another version of Python
            return
    lines = text.split("\n")  # as `ast` counts them; splitlines would also cut at form feeds
    for node, name in _definitions(tree, ""):
        docstring = ast.get_docstring(node)
        parts = _parts(node, lines)
        if docstring and docstring.strip() and parts is not None:
            yield Function(path, node.lineno, name, *parts, docstring.strip())


def _definitions(parent: ast.AST, prefix: str) -> Iterator[tuple[_Definition, str]]:
    """The functions below a node that are in no other function, and their names."""
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, _Definition):
            yield node, prefix + node.name
        elif isinstance(node, ast.ClassDef):
            yield from _definitions(node, f"{prefix}{node.name}.")
        elif isinstance(node, (ast.stmt, ast.ExceptHandler)):  # if, try, with
            yield from _definitions(node, prefix)


def _parts(node: _Definition, lines: list[str]) -> tuple[str, str] | None:
    """Signature and body; None where nothing but a docstring, or no line of its own, is there."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    note, end = node.body[0], node.end_lineno
    assert note.end_lineno is not None
    assert end is not None
    if len(node.body) < 2 or node.body[1].lineno <= note.end_lineno:
        return None
    if lines[note.lineno - 1][: note.col_offset].strip():
        return None
    margin = lines[first - 1][: len(lines[first - 1]) - len(lines[first - 1].lstrip())]
    # The lines of a string may be further left than the function: each loses what it can.
    outer = re.compile(rf"[ \t]{{0,{len(margin)}}}")
    signature, body = (
        "\n".join(outer.sub("", line, count=1) for line in part)
        for part in (lines[first - 1 : note.lineno - 1], lines[note.end_lineno : end])
    )
    return signature.rstrip(), body.strip("\n").rstrip()
