"""The embedded data set `stdlib`: the source of the standard library of the Python that runs lmkit.

Real text on every machine, with nothing to download; `stdlib_files` says which files and how they
are split. Each row belongs to the split of its file, whatever the task.
"""

import ast
import hashlib
import platform
import textwrap
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from lmkit.data.fingerprint import combined
from lmkit.data.rows import Row, Splits
from lmkit.data.stdlib_chat import chat_rows, preference_rows
from lmkit.data.stdlib_entities import entity_rows
from lmkit.data.stdlib_files import SPLITS, library, modules
from lmkit.data.stdlib_functions import summary_rows
from lmkit.data.stdlib_pairs import sibling_choice_rows, triple_rows
from lmkit.data.stdlib_qa import questions
from lmkit.errors import DataError
from lmkit.recipe.base import TaskOptions
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.sections import DataSection

_PIECE = (150, 10_000)  # characters of a piece of source
_CLASS = 2_000  # characters from which on a class is cut into its methods
_LABEL_PIECES = {"train": 50, "validation": 5, "test": 5}  # that a package needs to be a label


class StdlibSource:
    """The rows of one split, as a task needs them."""

    def __init__(self, name: str, split: str, task: str) -> None:
        self.name = name
        self._split = split
        self._task = task
        self._modules = modules(library())[split]

    def rows(self) -> Iterator[Row]:
        """The rows, files in the order of their paths."""
        return _ROWS[self._task](self._split)

    def fingerprint(self) -> str:
        """SHA-256 of the files' paths and contents and of the kind of rows."""
        files = [[module.path, module.sha256] for module in self._modules]
        return combined(["stdlib", 1, _ROWS[self._task].__name__, files])

    def describe(self) -> list[dict[str, Any]]:
        """One entry: Python version, files, bytes, SHA-256 of the contents in order."""
        digest = hashlib.sha256(b"".join(module.content for module in self._modules))
        return [
            {
                "path": "stdlib",
                "part": self._split,
                "python": platform.python_version(),
                "files": len(self._modules),
                "bytes": sum(len(module.content) for module in self._modules),
                "sha256": digest.hexdigest(),
            }
        ]


def open_stdlib(data: DataSection, options: TaskOptions, key: str = "data") -> Splits:
    """The splits of the embedded set; `data.train` and so on may name others of its three.

    Args:
        data: Names the splits.
        options: The task, which decides what a row is.
        key: Where the recipe names the set, for messages: `data`, or an entry of a mixture.

    Raises:
        DataError: the task has no rows here, a split has another name, or this Python came
            without its sources.
    """
    if options.name not in _ROWS:
        raise DataError(
            f"{key}.dataset: stdlib has no rows for the task `{options.name}`, only for "
            f"{', '.join(_ROWS)}; give files (data.train)"
        )
    sources = []
    for side in SPLITS:
        split = data.files(side) or side
        if split not in SPLITS or not isinstance(split, str):
            names = ", ".join(SPLITS)
            hint = did_you_mean(str(split), list(SPLITS))
            where = f"data.{side}" if key == "data" else f"{key}.split"
            raise DataError(f"{where}: stdlib has the splits {names}, not `{split}`{hint}")
        sources.append(StdlibSource(side, split, options.name))
    return Splits(*sources)


def _text_rows(split: str) -> Iterator[Row]:
    """One row a file: `text`, `path`."""
    for module in modules(library())[split]:
        yield Row({"text": module.text, "path": module.path}, f"stdlib:{module.path}")


def _labelled_rows(split: str) -> Iterator[Row]:
    """One row a function, method or short class: `text`, `label` (its package), `path`.

    Labels are the packages with enough pieces in every split. A text that occurs in an earlier
    split, or earlier in this one, is left out.
    """
    pieces = _pieces(library())
    labels = {
        package
        for package in pieces["train"]
        if all(len(pieces[side].get(package, ())) >= n for side, n in _LABEL_PIECES.items())
    }
    for package, rows in pieces[split].items():
        if package in labels:
            yield from rows


def _question_rows(split: str) -> Iterator[Row]:
    """One row a question about a piece of source: `question`, `context`, `answers`, `id`."""
    for rows in _pieces(library())[split].values():
        for row in rows:
            yield from questions(row)


@cache
def _pieces(root: Path) -> dict[str, dict[str, list[Row]]]:
    """For each split and package the pieces of its files."""
    seen: set[str] = set()
    pieces: dict[str, dict[str, list[Row]]] = {}
    for split, files in modules(root).items():
        rows = pieces[split] = defaultdict(list)
        for module in files:
            if not module.package:
                continue
            for line, text in _cut(module.text):
                if _PIECE[0] <= len(text) <= _PIECE[1] and text not in seen:
                    seen.add(text)
                    values = {"text": text, "label": module.package, "path": module.path}
                    rows[module.package].append(Row(values, f"stdlib:{module.path}:{line}"))
    return pieces


def _cut(text: str) -> Iterator[tuple[int, str]]:
    """Line number and source of each top-level function and class, long classes by method."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in old files
        try:
            tree = ast.parse(text)
        except SyntaxError:  # a template, or a file for another version of Python
            return
    lines = text.split("\n")  # as `ast` counts them; splitlines would also cut at form feeds
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, _source(node, lines)
        elif isinstance(node, ast.ClassDef):
            source = _source(node, lines)
            if len(source) <= _CLASS:
                yield node.lineno, source
                continue
            for item in node.body:
                if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield item.lineno, _source(item, lines)


def _source(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, lines: list[str]) -> str:
    """The lines of a definition with its decorators, to the left margin."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return textwrap.dedent("\n".join(lines[first - 1 : node.end_lineno])) + "\n"


def _entity_rows(split: str) -> Iterator[Row]:
    """One row a short piece: `text`, `spans` (comments, keywords, numbers, strings), `path`."""
    rows = (row for package in _pieces(library())[split].values() for row in package)
    yield from entity_rows(rows)


_ROWS: dict[str, Callable[[str], Iterator[Row]]] = {
    "causal_lm": _text_rows,
    "masked_lm": _text_rows,
    "classification": _labelled_rows,
    "ner": _entity_rows,
    "embedding": triple_rows,
    "multiple_choice": sibling_choice_rows,
    "seq2seq": summary_rows,
    "qa": _question_rows,
    "chat": chat_rows,
    "preference": preference_rows,
}
