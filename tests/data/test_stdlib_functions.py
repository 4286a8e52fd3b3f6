"""Documented functions of the embedded set: taken apart without a loss, and in one split only."""

import ast
import sysconfig
from pathlib import Path

import pytest

from lmkit.data.stdlib_files import SPLITS, library, modules
from lmkit.data.stdlib_functions import documented, functions, summary_rows

ROOT = Path(sysconfig.get_path("stdlib"))

SOURCE = '''
import a

@a.b(
    1
)
def first(x,
          y=2):
    """Say  what it does,
    over two lines.

        Deep.
    """
    text = """
left"""

    def inner():
        """Part of the outer one."""
        return 1
    return x + inner()  # end


class Outer:
    """No function."""

    class Inner:
        async def go(self):
            r"""Say "\\d" and \'\'\'."""
            # a remark
            return """
  far left"""

    if a:
        def maybe(self):
            \'Single quotes.\'
            pass


try:
    def tried(): return 1
except ImportError:
    def tried():
        """When it fails."""
        return 2

def bare():
    """Nothing but this."""

def one(): "A line."; return 1

def undocumented():
    return 3
'''


def found(text=SOURCE):
    return {item.name: item for item in documented(text, "some/file.py")}


def test_functions_and_methods_with_a_docstring_and_code():
    assert list(found()) == ["first", "Outer.Inner.go", "Outer.maybe", "tried"]


def test_parts_of_a_function():
    item = found()["first"]
    assert (item.path, item.line, item.origin) == ("some/file.py", 7, "stdlib:some/file.py:7")
    assert item.signature == "@a.b(\n    1\n)\ndef first(x,\n          y=2):"
    assert item.summary == "Say what it does,"
    assert item.docstring == "Say  what it does,\nover two lines.\n\n    Deep."
    assert item.body.startswith('    text = """\nleft"""\n\n    def inner():')
    assert item.body.endswith("return x + inner()  # end")
    assert item.code == f"{item.signature}\n{item.body}\n"


def test_methods_are_moved_to_the_margin():
    item = found()["Outer.Inner.go"]
    assert item.signature == "async def go(self):"
    assert item.body == '    # a remark\n    return """\nfar left"""'


@pytest.mark.parametrize("name", ["first", "Outer.Inner.go", "Outer.maybe", "tried"])
def test_source_holds_the_docstring(name):
    item = found()[name]
    (node,) = ast.parse(item.source).body
    assert ast.get_docstring(node) == item.docstring
    del node.body[0]
    (bare,) = ast.parse(item.code).body
    assert ast.dump(node) == ast.dump(bare)


def test_a_broken_file_is_passed_over():
    assert list(documented("def f(:\n", "x.py")) == []


def test_form_feeds_do_not_shift_the_lines():
    (item,) = documented('import a\n\x0c\ndef f():\n    """Say it."""\n    return 1\n', "x.py")
    assert item.code == "def f():\n    return 1\n"
    assert item.line == 3


@pytest.mark.slow
def test_every_code_of_the_library_parses_and_is_there_once():
    splits = {split: functions(split) for split in SPLITS}
    codes = [item.code for items in splits.values() for item in items]
    assert len(codes) == len(set(codes))
    assert len(splits["train"]) > 4000
    assert min(len(splits["validation"]), len(splits["test"])) > 150
    for split in ("validation", "test"):
        paths = {module.path for module in modules(library())[split]}
        for item in splits[split]:
            assert item.path in paths
            (node,) = ast.parse(item.code).body
            assert node.name == item.name.split(".")[-1]
            lines = (ROOT / item.path).read_text(encoding="utf-8-sig").split("\n")
            assert f"def {node.name}" in lines[item.line - 1]


def test_rows_are_code_and_first_docstring_line():
    rows = list(summary_rows("test"))
    by_origin = {item.origin: item for item in functions("test")}
    assert 150 < len(rows) <= len(by_origin)
    for row in rows:
        item = by_origin[row.origin]
        assert row.values == {
            "source": item.code, "target": item.summary, "name": item.name, "path": item.path,
        }  # fmt: skip
        assert len(item.summary.split()) > 1
        assert item.docstring.startswith(item.summary.split()[0])
