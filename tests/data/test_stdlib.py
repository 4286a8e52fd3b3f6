"""The embedded set: real files, parted once, never leaking from split to split."""

import ast
import hashlib
import platform
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

from lmkit.data import stdlib as module
from lmkit.data.stdlib import open_stdlib
from lmkit.errors import DataError
from lmkit.recipe.base import TaskOptions
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.recipe.options.masked_lm import MaskedLMOptions
from lmkit.recipe.sections import DataSection

ROOT = Path(sysconfig.get_path("stdlib"))
DATA = DataSection(dataset="stdlib")


@pytest.fixture(scope="module")
def texts():
    return open_stdlib(DATA, CausalLMOptions(name="causal_lm"))


@pytest.fixture(scope="module")
def labels():
    return open_stdlib(DATA, ClassificationOptions(name="classification"))


def rows(source):
    return [row.values for row in source.rows()]


def test_texts_are_the_files(texts):
    for source in texts:
        for row in rows(source):
            assert row["text"].encode() == (ROOT / row["path"]).read_bytes().removeprefix(
                b"\xef\xbb\xbf"
            )


def test_files_are_sorted_and_in_one_split(texts):
    paths = [[row["path"] for row in rows(source)] for source in texts]
    assert all(found == sorted(found) for found in paths)
    together = [path for found in paths for path in found]
    assert len(together) == len(set(together))
    contents = Counter(row["text"] for source in texts for row in rows(source))
    assert max(contents.values()) == 1


def test_tests_encodings_and_packages_are_left_out(texts):
    folders = {part for source in texts for row in rows(source) for part in Path(row["path"]).parts}
    assert not folders & {"test", "tests", "idle_test", "encodings", "site-packages"}
    assert {"asyncio", "email", "unittest", "argparse.py"} <= folders
    assert all(row["text"].strip() for source in texts for row in rows(source))


def test_shares_are_90_5_5(texts):
    files = [len(rows(source)) for source in texts]
    sizes = [source.describe()[0]["bytes"] for source in texts]
    assert 8e6 < sum(sizes) < 13e6
    for counts in (files, sizes):
        assert counts[0] / sum(counts) == pytest.approx(0.9, abs=0.03)
        assert counts[1] / sum(counts) == pytest.approx(0.05, abs=0.02)
        assert counts[2] / sum(counts) == pytest.approx(0.05, abs=0.02)


def test_description_is_for_the_manifest(texts):
    digest = hashlib.sha256()
    for row in rows(texts.test):
        digest.update((ROOT / row["path"]).read_bytes())
    (entry,) = texts.test.describe()
    assert entry["sha256"] == digest.hexdigest()
    assert entry["python"] == platform.python_version()
    assert entry["part"] == "test"
    assert entry["files"] == len(rows(texts.test))


def test_fingerprints(texts, labels):
    masked = open_stdlib(DATA, MaskedLMOptions(name="masked_lm"))
    assert masked.train.fingerprint() == texts.train.fingerprint()
    others = [source.fingerprint() for source in (*texts, *labels)]
    assert len(set(others)) == 6


@pytest.mark.slow
def test_a_second_pass_is_the_same(texts, labels):
    for source in (*texts, *labels):
        assert rows(source) == rows(source)


def test_labels_are_packages_with_enough_in_each_split(labels):
    counts = [Counter(row["label"] for row in rows(source)) for source in labels]
    assert counts[0].keys() == counts[1].keys() == counts[2].keys()
    assert len(counts[0]) >= 6
    assert min(counts[0].values()) >= 50
    assert min(*counts[1].values(), *counts[2].values()) >= 5


def test_pieces_belong_to_the_split_of_their_file_and_are_not_repeated(texts, labels):
    for files, pieces in zip(texts, labels, strict=True):
        paths = {row["path"] for row in rows(files)}
        for row in rows(pieces):
            assert row["path"] in paths
            assert row["label"] == row["path"].split("/")[0]
            assert 150 <= len(row["text"]) <= 10_000
    together = [row["text"] for source in labels for row in rows(source)]
    assert len(together) == len(set(together))


def test_pieces_are_whole_definitions(labels):
    for row in rows(labels.test):
        (node,) = ast.parse(row["text"]).body
        assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


def test_origin_names_file_and_line(labels):
    for row in labels.test.rows():
        _, path, line = row.origin.split(":")
        text = (ROOT / path).read_text(encoding="utf-8").split("\n")[int(line) - 1]
        assert text.split()[0] in ("def", "class", "async")


def test_python_without_sources(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "library", lambda: tmp_path)
    with pytest.raises(DataError, match=f"no source files under {tmp_path}"):
        open_stdlib(DATA, CausalLMOptions(name="causal_lm"))


def test_other_splits_can_be_named():
    section = DataSection(dataset="stdlib", train="validation")
    train = open_stdlib(section, CausalLMOptions(name="causal_lm")).train
    assert train.name == "train"
    assert train.describe()[0]["part"] == "validation"


def test_split_that_is_not_there():
    section = DataSection(dataset="stdlib", test="tests")
    with pytest.raises(DataError) as caught:
        open_stdlib(section, CausalLMOptions(name="causal_lm"))
    assert str(caught.value) == (
        "data.test: stdlib has the splits train, validation, test, not `tests`; "
        "did you mean `test`?"
    )


def test_task_without_rows():
    with pytest.raises(DataError, match="no rows for the task `juggling`, only for causal_lm"):
        open_stdlib(DATA, TaskOptions(name="juggling"))


def test_source_of_a_broken_file_is_passed_over():
    assert list(module._cut("def f(:\n")) == []


def test_form_feeds_do_not_shift_the_lines():
    text = "import a\n\x0c\n@a.b\ndef f():\n    return 1\n"
    assert list(module._cut(text)) == [(4, "@a.b\ndef f():\n    return 1\n")]


def test_long_classes_are_cut_by_method():
    body = "    def {}(self):\n        return 1\n"
    short = "class A:\n" + body.format("f")
    assert [text for _, text in module._cut(short)] == [short]
    long = "class A:\n" + "".join(body.format(f"f{i}") for i in range(90))
    pieces = [text for _, text in module._cut(long)]
    assert pieces[0] == "def f0(self):\n    return 1\n"
    assert len(pieces) == 90
