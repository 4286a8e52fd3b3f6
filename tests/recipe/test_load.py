"""From a name or a path to a recipe, and every file that is none."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.errors import RecipeError
from lmkit.recipe import catalog
from lmkit.recipe.load import MAX_BYTES, decode, load_recipe

TEXT = "task: {name: causal_lm}\nmodel: {source: x}\ndata: {dataset: stdlib}\n"


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog of two recipes, and a working directory of its own."""
    folder = tmp_path / "packaged"
    (folder / "pretrain").mkdir(parents=True)
    for name in ("gpt2-small", "bert-small"):
        (folder / "pretrain" / f"{name}.yaml").write_text(TEXT)
    monkeypatch.setattr(catalog, "folder", lambda: folder)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return folder


def problem(name: str | Path) -> str:
    with pytest.raises(RecipeError) as raised:
        load_recipe(str(name))
    (found,) = raised.value.problems
    return found


def test_names_and_paths(packaged: Path) -> None:
    Path("my.yaml").write_text(TEXT)
    Path("gpt2-small").mkdir()  # a run's folder, say: the packaged recipe is meant
    assert load_recipe("gpt2-small").output_dir == "runs/gpt2-small"
    assert load_recipe("my.yaml").output_dir == "runs/my"
    assert load_recipe("./my.yaml", ["train.seed=7"]).train.seed == 7


def test_where_the_run_goes(packaged: Path) -> None:
    Path("my.yaml").write_text(f"{TEXT}output_dir: there\n")
    assert load_recipe("my.yaml").output_dir == "there"
    assert load_recipe("my.yaml", ["output_dir=set"]).output_dir == "set"
    assert load_recipe("my.yaml", ["output_dir=set"], "given").output_dir == "given"
    with pytest.raises(RecipeError, match='--set output_dir: found ""; allowed: a folder'):
        load_recipe("my.yaml", output="")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("gpt2-smal", "did you mean `gpt2-small`?"),
        ("bert-small.yaml", "did you mean `bert-small`?"),
        ("mine.yml", "did you mean `mine.yaml`?"),
        ("sub/other.yaml", "did you mean `sub/others.yaml`?"),
        ("zzzz", "`lmkit recipes list` shows what there is"),
        ("no/such/folder/zz", "`lmkit recipes list` shows what there is"),
        ("", "`lmkit recipes list` shows what there is"),
    ],
)
def test_a_missing_file_has_its_neighbor_named(packaged: Path, name: str, hint: str) -> None:
    Path("mine.yaml").write_text(TEXT)
    Path("sub").mkdir()
    Path("sub/others.yaml").write_text(TEXT)
    assert problem(name) == f"{name}: no packaged recipe and no file of that name; {hint}"


def test_a_folder(packaged: Path) -> None:
    Path("run").mkdir()
    assert problem("run") == "run: is a folder; a YAML file is needed"
    Path("run/recipe.yaml").write_text(TEXT)
    assert problem("run") == "run: is a folder; its recipe is run/recipe.yaml"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(packaged: Path) -> None:
    Path("my.yaml").write_text(TEXT)
    Path("my.yaml").chmod(0)
    assert problem("my.yaml") == "my.yaml: cannot be read: Permission denied"


def test_a_name_that_no_file_can_have(packaged: Path) -> None:
    assert problem("x" * 5000).endswith(": cannot be read: File name too long")
    assert "\0: " in problem("a\0")


def test_a_huge_file_is_not_read_whole(packaged: Path) -> None:
    Path("data.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    assert problem("data.yaml") == (
        "data.yaml: more than 1,048,576 bytes; a recipe is not that large"
    )
    assert problem("/dev/zero").startswith("/dev/zero: more than")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\x7fELF\x00", "1:5: byte 4 is 0: a binary file, not a recipe"),
        (b"a: 1\nb: \xc3\xa9 \xff", "2:6: byte 11 (0xff) is not UTF-8"),
        ("a: é".encode("latin-1"), "1:4: byte 3 (0xe9) is not UTF-8"),
        (b"\xff\xfea", "1:1: byte 0 (0xff) is not UTF-8"),
    ],
)
def test_bytes_that_are_no_text(packaged: Path, content: bytes, text: str) -> None:
    Path("my.yaml").write_bytes(content)
    assert problem("my.yaml") == f"my.yaml:{text}"


def test_a_byte_order_mark_and_other_line_ends(packaged: Path) -> None:
    Path("my.yaml").write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert load_recipe("my.yaml").model.source == "x"
    Path("my.yaml").write_bytes(b"\xef\xbb\xbf" + f"{TEXT}x: 1".replace("\n", "\r\n").encode())
    assert problem("my.yaml").startswith("my.yaml:4:1: x: unknown key")


def test_a_pipe_is_read(packaged: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, TEXT.encode())
    os.close(writer)
    try:
        assert load_recipe(f"/dev/fd/{reader}").model.source == "x"
    finally:
        os.close(reader)


@given(st.binary(max_size=40))
def test_bytes_decode_or_are_an_error(content: bytes) -> None:
    try:
        text, problems = decode(content, "f"), []
    except RecipeError as error:
        text, problems = "", error.problems
    if problems:
        assert problems[0].startswith("f:")
    else:
        assert text.encode() == content.removeprefix(b"\xef\xbb\xbf")
