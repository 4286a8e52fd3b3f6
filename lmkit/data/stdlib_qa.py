"""Questions about functions of the standard library whose answers stand in their source.

Labels that are really there, found by `ast`: the default of a parameter, the exception that is
raised, the base of a class. A function that raises nothing, and a parameter without a default, make
questions without an answer (as in SQuAD 2.0).
"""

import ast
import hashlib
import warnings
from collections.abc import Iterator
from typing import Any

from lmkit.data.rows import Row

_LONGEST = 2_000  # characters of a context
_ANSWER = 40  # characters of an answer
_EMPTY_SHARE = 8  # of so many questions without an answer one is kept

Function = ast.FunctionDef | ast.AsyncFunctionDef
Answers = list[tuple[int, str]]


def questions(row: Row) -> Iterator[Row]:
    """The questions that a piece of source (`text`) answers, as rows of SQuAD's columns."""
    context = row.values["text"]
    if len(context) > _LONGEST:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in old files
        try:
            (node,) = ast.parse(context).body
        except SyntaxError:  # a method with text at the left margin keeps its own
            return
    places = _Places(context)
    for number, (question, answers) in enumerate(_asked(node, places)):
        identity = f"{row.values['path']}:{question}:{context}"
        name = hashlib.sha256(identity.encode()).hexdigest()
        if not answers and int(name[:8], 16) % _EMPTY_SHARE:
            continue
        values = {
            "id": name[:16], "context": context, "question": question,
            "answers": {
                "text": [text for _, text in answers], "answer_start": [at for at, _ in answers],
            },
        }  # fmt: skip
        yield Row(values, f"{row.origin}, question {number + 1}")


class _Places:
    """Where the nodes of a source stand, in characters."""

    def __init__(self, source: str) -> None:
        self._lines = source.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._source = source

    def of(self, node: ast.expr) -> tuple[int, str]:
        """First character and text of an expression."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._at(node.lineno, node.col_offset)
        return start, self._source[start : self._at(node.end_lineno, node.end_col_offset)]

    def _at(self, line: int, column: int) -> int:
        """`ast` counts columns in UTF-8 bytes."""
        before = self._lines[line - 1].encode()[:column]
        return self._starts[line - 1] + len(before.decode())


def _asked(node: ast.stmt, places: _Places) -> Iterator[tuple[str, Answers]]:
    """Questions about a definition, each with all its answers."""
    if isinstance(node, ast.ClassDef):
        bases = [places.of(base) for base in node.bases]
        yield f"What is the base class of {node.name}?", _short(bases)
    elif isinstance(node, Function):
        yield f"Which exception does {node.name} raise?", _raised(node, places)
        for parameter, default in _defaults(node):
            answer = [] if default is None else _short([places.of(default)])
            if default is None or answer:
                yield f"What is the default of {parameter} in {node.name}?", answer


def _short(answers: Answers) -> Answers:
    """Those that are no longer than an answer should be."""
    return [(at, text) for at, text in answers if len(text) <= _ANSWER and "\n" not in text]


def _raised(function: Function, places: _Places) -> Answers:
    """The classes of the exceptions that are raised by name, each place of them."""
    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised: Any = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(raised, (ast.Name, ast.Attribute)):
                found.append(places.of(raised))
    return sorted(_short(found))


def _defaults(function: Function) -> Iterator[tuple[str, ast.expr | None]]:
    """Each parameter but `self` with its default; None where it has none."""
    named = [*function.args.posonlyargs, *function.args.args]
    missing = len(named) - len(function.args.defaults)
    defaults = [None] * missing + list(function.args.defaults)
    pairs = [*zip(named, defaults, strict=True)]
    pairs += zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    for parameter, default in pairs:
        if parameter.arg not in ("self", "cls"):
            yield parameter.arg, default
