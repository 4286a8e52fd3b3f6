"""The few lines at the start of a run, kept in the cache."""

import logging
from pathlib import Path

import pytest

from lmkit.commands import glance as module
from lmkit.commands.glance import lines, tell
from lmkit.data.cache import cache_dir
from lmkit.data.sources import open_splits
from lmkit.recipe.load import parse_recipe

RECIPE = """
task: {name: classification}
model: {architecture: bert}
tokenizer: {train: {type: byte}}
data: {train: train.csv, validation: dev.csv}
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    """A function that tells of the data in `tmp_path` and gives the lines."""
    monkeypatch.chdir(tmp_path)
    Path("train.csv").write_text("text,label\none,a\ntwo,b\none,a\nthree,a\n")
    Path("dev.csv").write_text("text,label\ntwo,b\nfour,a\n")
    caplog.set_level(logging.INFO)

    def tell_again() -> list[str]:
        caplog.clear()
        recipe = parse_recipe(RECIPE, "small.yaml")
        tell(open_splits(recipe.data, recipe.task), recipe.task)
        return [r.getMessage() for r in caplog.records if r.name == "lmkit.commands.glance"]

    return tell_again


EXPECTED = [
    "data: rows: train 4, validation 2; labels: a 75.0 %, b 25.0 %",
    "data: train: 1 row repeats an earlier row (4 in all); see lmkit data inspect RECIPE",
    "data: validation: 1 row stands in train too (50.00%): its scores are too good; see lmkit "
    "data inspect RECIPE",
]


def test_lines_and_the_cache(told, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told() == EXPECTED
    assert len(list((cache_dir() / "glances").glob("*/meta.json"))) == 1
    with monkeypatch.context() as patched:
        patched.setattr(module, "glance", None)  # the second time nothing is read
        assert told() == EXPECTED
    Path("dev.csv").write_text("text,label\nfive,b\nfour,a\n")
    assert told() == EXPECTED[:2]


def test_large_data_are_not_read(told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    monkeypatch.setattr(module, "glance", None)
    assert told() == [
        "data: not looked through for copies and leaks; see lmkit data inspect RECIPE"
    ]


def test_only_leaks_are_warnings() -> None:
    split = {"rows": 9, "labels": {}, "duplicates": 2, "leaks": {}}
    found = list(lines({"train": split, "test": {**split, "leaks": {"train": 1}}}))
    assert [level for level, _ in found] == [20, 20, 20, 30]
    assert found[0][1] == "data: rows: train 9, test 9"
