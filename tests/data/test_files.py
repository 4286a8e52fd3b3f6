"""Which files are meant: folders, globs, links, and what is not there."""

import glob
import logging
import os

import datasets
import pytest

from lmkit.data.files import find_files
from lmkit.errors import DataError


@pytest.fixture
def tree(tmp_path):
    """A folder with text at three depths, hidden files and files of other kinds."""
    names = ["b.txt", "a/z.md", "a/deep/c.jsonl.gz", "B.txt", ".hidden.txt", ".git/x.txt", "i.png"]
    for name in names:
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path / "tree"


def found(spec, root):
    return [file.path.relative_to(root).as_posix() for file in find_files(spec, "data.train")]


def message(spec):
    with pytest.raises(DataError) as caught:
        find_files(spec, "data.train")
    return str(caught.value)


def test_folder_holds_its_known_files_by_path(tree):
    assert found(str(tree), tree) == ["B.txt", "a/deep/c.jsonl.gz", "a/z.md", "b.txt"]


def test_files_of_other_formats_are_told(tree, caplog):
    with caplog.at_level(logging.INFO):
        find_files(str(tree), "data.train")
    assert "1 files of other formats" in caplog.text
    assert "(.png)" in caplog.text


def test_list_keeps_its_order_and_names_each_file_once(tree, caplog):
    spec = [str(tree / "b.txt"), str(tree / "a"), str(tree / "b.txt")]
    assert found(spec, tree) == ["b.txt", "a/deep/c.jsonl.gz", "a/z.md"]
    assert "b.txt is named twice; it is read once" in caplog.text


@pytest.mark.parametrize(
    "pattern", ["*.txt", "*/*.md", "**/*.md", "a/**", "**", "**/deep/*.gz", "[bB].txt", "a/?.md"]
)
def test_glob_finds_what_the_standard_library_finds(tree, pattern):
    expected = sorted(
        path
        for path in glob.glob(pattern, root_dir=tree, recursive=True)  # noqa: PTH207 - the reference
        if (tree / path).is_file() and not path.endswith(".png")
    )
    assert found(str(tree / pattern), tree) == expected


def test_glob_that_names_an_extension_takes_it(tree):
    assert found(str(tree / "*.png"), tree) == ["i.png"]


def test_relative_glob(tree, monkeypatch):
    monkeypatch.chdir(tree)
    assert [str(file) for file in find_files("a/*.md", "data.train")] == ["a/z.md"]


def test_name_with_brackets_is_a_name_where_it_exists(tree):
    (tree / "x[1].txt").write_text("x")
    assert found(str(tree / "x[1].txt"), tree) == ["x[1].txt"]


def test_glob_cannot_leave_its_folder(tree):
    assert "a glob cannot leave its folder" in message(
        str(tree / "a" / "*" / ".." / ".." / "*.txt")
    )


def test_links_out_of_the_folder_are_not_followed(tree, tmp_path, caplog):
    (tmp_path / "secret.txt").write_text("x")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "one.txt").write_text("x")
    (tree / "link.txt").symlink_to(tmp_path / "secret.txt")
    (tree / "broken.txt").symlink_to(tmp_path / "nothing")
    (tree / "inside.txt").symlink_to(tree / "b.txt")
    (tree / "folder").symlink_to(tmp_path / "secrets")
    for spec in (tree, tree / "**/*.txt"):
        names = found(str(spec), tree)
        assert "inside.txt" in names
        assert not {"link.txt", "broken.txt", "folder/one.txt"} & set(names)
    assert "2 links lead out of the folder and are not followed" in caplog.text


def test_link_that_is_named_itself_is_followed(tree, tmp_path):
    (tmp_path / "link.txt").symlink_to(tree / "b.txt")
    assert found(str(tmp_path / "link.txt"), tmp_path) == ["link.txt"]


def test_folder_of_links_only(tmp_path):
    (tmp_path / "links").mkdir()
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "links" / "a.txt").symlink_to(tmp_path / "a.txt")
    assert "no file of a known format" in message(str(tmp_path / "links"))
    assert "(1 links lead out of the folder and are not followed)" in message(
        str(tmp_path / "links")
    )


def test_saved_data_set_is_its_arrow_files(tmp_path):
    rows = datasets.Dataset.from_dict({"text": list("abcd")})
    rows.save_to_disk(tmp_path / "set", num_shards=2)
    (tmp_path / "set" / "cache-1.arrow").write_bytes(b"x")
    assert found(str(tmp_path / "set"), tmp_path / "set") == [
        "data-00000-of-00002.arrow",
        "data-00001-of-00002.arrow",
    ]


def test_saved_splits_must_be_named(tmp_path):
    rows = datasets.Dataset.from_dict({"text": ["a"]})
    datasets.DatasetDict({"train": rows, "test": rows}).save_to_disk(tmp_path / "set")
    assert f"name one of them: {tmp_path}/set/test, {tmp_path}/set/train" in message(
        str(tmp_path / "set")
    )


def test_missing_file_tells_the_nearest_name(tree):
    assert message(str(tree / "a" / "y.md")) == (
        f"data.train: no such file or folder: {tree}/a/y.md; did you mean `z.md`?"
    )


def test_missing_folder_tells_the_last_one_there_is(tree):
    assert f"; {tree} holds no such name" in message(str(tree / "qqqq" / "x.txt"))


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("-", "standard input (`-`) is not read here"),
        ("", "an empty path"),
        ([], "an empty list"),
    ],
)
def test_what_is_no_path(spec, text):
    assert text in message(spec)


def test_glob_without_a_match(tree):
    assert "matches no file; `*` stays in one folder" in message(str(tree / "*.csv"))
    assert "no such file or folder" in message(str(tree / "none" / "*.csv"))


def test_folder_that_cannot_be_listed(tree, monkeypatch):
    def walk(top, onerror):
        onerror(PermissionError(13, "Permission denied", str(top)))
        return iter(())

    monkeypatch.setattr(os, "walk", walk)
    assert "the folder cannot be read (Permission denied)" in message(str(tree))


def test_folder_without_any_data(tmp_path):
    assert "no file of a known format under" in message(str(tmp_path))
