"""Standard input as a file: whole or absent, named by its content, taken again on a resume."""

import gzip
import io
import logging
import os
import sys
from pathlib import Path

import pytest

from lmkit.data.standard_input import FOLDER, keep_standard_input, with_standard_input
from lmkit.errors import CacheError, DataError
from lmkit.recipe.sections import DataSection


@pytest.fixture
def pipe(monkeypatch):
    """`pipe(content)`: what is piped into this process."""

    def stand_in(content: bytes, *, terminal: bool = False) -> None:
        stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))
        monkeypatch.setattr(stream, "isatty", lambda: terminal, raising=False)
        monkeypatch.setattr(sys, "stdin", stream)

    return stand_in


def test_equal_content_is_kept_once(pipe, caplog):
    content = os.urandom(3_000_000)
    with caplog.at_level(logging.INFO):
        pipe(content)
        first = keep_standard_input("data.train")
    assert first.read_bytes() == content
    assert first.name == "input.txt"
    assert first.parent.parent == Path(os.environ["LMKIT_CACHE"], FOLDER)
    assert "data.train: standard input, 3,000,000 bytes: " in caplog.text
    pipe(content)
    assert keep_standard_input("data.train") == first
    pipe(content + b"!")
    assert keep_standard_input("data.train") != first
    left = [path.name for path in first.parent.parent.iterdir() if not path.name.startswith(".")]
    assert len(left) == 2


def test_the_name_tells_format_and_compression(pipe):
    pipe(gzip.compress(b'{"text": "a"}'))
    assert keep_standard_input("data.train", kind="jsonl").name == "input.jsonl.gz"
    pipe(b"\x28\xb5\x2f\xfd rest")
    assert keep_standard_input("data.train").name == "input.txt.zst"


@pytest.mark.parametrize(
    ("content", "terminal", "text"),
    [(b"", False, "is empty"), (b"typed", True, "is a terminal")],
)
def test_nothing_is_piped_in(pipe, content, terminal, text):
    pipe(content, terminal=terminal)
    with pytest.raises(DataError) as caught:
        with_standard_input(DataSection(train=["a.txt", "-"]))
    assert str(caught.value) == (
        f"data.train.1: standard input (`-`) {text}; pipe data into the command (cat FILE | lmkit "
        "...), or name a file"
    )
    assert not list(Path(os.environ["LMKIT_CACHE"]).glob(f"{FOLDER}/[!.]*"))


def test_no_standard_input_at_all(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="is a terminal"):
        keep_standard_input("--data")


def test_every_place_of_a_path(pipe):
    mixed = {"train": [{"path": ["a.txt", "-"], "format": "csv", "weight": 1}], "test": "t.txt"}
    for section, key, extension in (
        (mixed, "data.train.0.path.1", "csv"),
        ({"train": "a.txt", "validation": "-"}, "data.validation", "txt"),
        ({"train": "-", "format": "tsv"}, "data.train", "tsv"),
    ):
        pipe(b"some text")
        found = with_standard_input(DataSection.model_validate(section)).paths()
        assert found[key].endswith(f"/input.{extension}")
        assert "-" not in found.values()


def test_a_section_without_it_is_left_alone(pipe):
    pipe(b"", terminal=True)
    for section in (DataSection(train="a-b"), DataSection(dataset="stdlib", train="-")):
        assert with_standard_input(section) is section


def test_a_resumed_run_takes_what_it_read_first(pipe, caplog):
    recipe = DataSection(train="-")
    pipe(b"the first text")
    earlier = with_standard_input(recipe)
    for nothing in ({"content": b""}, {"content": b"x", "terminal": True}):
        pipe(**nothing)
        with caplog.at_level(logging.INFO):
            assert with_standard_input(recipe, earlier=earlier) == earlier
    assert "standard input as this run read it first" in caplog.text
    pipe(b"another text")  # is seen, and `require_same` tells that it is another
    assert with_standard_input(recipe, earlier=earlier) != earlier


def test_a_file_of_the_users_own_is_never_taken_for_it(pipe, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    pipe(b"")
    with pytest.raises(DataError, match="is empty"):
        with_standard_input(
            DataSection(train="-"), earlier=DataSection(train=str(tmp_path / "mine.txt"))
        )


def test_a_cache_that_cannot_be_written(pipe, tmp_path):
    (tmp_path / "file").write_text("")
    pipe(b"text")
    with pytest.raises(CacheError, match=r"standard input cannot be kept .*set LMKIT_CACHE"):
        keep_standard_input("data.train", folder=tmp_path / "file" / "below")
