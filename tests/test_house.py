"""The rules of the house that no linter knows: sizes, names, tests beside files, safe calls."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "lmkit"
LINES = 300
CATCH_ALLS = {"utils", "util", "common", "helpers", "helper", "misc"}

# Each runs what a file holds, or hides a defect.
UNSAFE = (
    "weights_only=False",
    "trust_remote_code=True",
    "yaml.load(",
    "pickle.load",
    "evaluate.load(",
    "except Exception",
    "except:",
)


def sources(*folders: str) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "__pycache__" not in path.parts
    )


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


EVERY = sources("lmkit", "tests", "benchmarks", "docs")
# `__init__` and `__main__` are tested through the files around them
MODULES = [path for path in sources("lmkit") if path.stem not in {"__init__", "__main__"}]


def test_no_file_is_long() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in EVERY}
    assert {where: lines for where, lines in lengths.items() if lines > LINES} == {}


def test_no_file_is_a_catch_all() -> None:
    assert [name(path) for path in EVERY if path.stem in CATCH_ALLS] == []


def test_each_file_has_its_test() -> None:
    missing = []
    for path in MODULES:
        beside = ROOT / "tests" / path.relative_to(PACKAGE).with_name(f"test_{path.name}")
        if not beside.exists():
            missing.append(f"{name(path)}: {name(beside)}")
    assert missing == []


def test_nothing_unsafe_is_called() -> None:
    found = []
    for path in sources("lmkit"):
        text = path.read_text()
        found += [f"{name(path)}: {phrase}" for phrase in UNSAFE if phrase in text]
        found += [
            f"{name(path)}:{node.lineno}: {node.func.id}"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"eval", "exec"}
        ]
    assert found == []


def test_the_version_and_nothing_else_is_in_the_package() -> None:
    code = "import sys; before = set(sys.modules); import lmkit; print(set(sys.modules) - before)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "{'lmkit'}"


@pytest.mark.slow
def test_every_module_can_be_imported_first() -> None:
    """No module works only because another was imported before it: each in turn, alone."""
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES]
    # all libraries are loaded by a first round; a module is then met as if no other of lmkit were
    code = f"""
import sys, traceback, warnings
failed = []
for strict in (False, True):
    warnings.simplefilter("error" if strict else "ignore")
    for module in {modules!r}:
        if strict:
            for name in [name for name in sys.modules if name.split(".")[0] == "lmkit"]:
                del sys.modules[name]
        try:
            __import__(module)
        except BaseException:
            traceback.print_exc()
            failed.append(module)
sys.exit(f"cannot be imported first: {{failed}}" if failed else 0)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
