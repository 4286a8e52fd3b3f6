"""Rows of files: what is left out, what they are known by."""

from lmkit.data.sources import open_files, open_splits
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.recipe.sections import DataSection

TEXTS = CausalLMOptions(name="causal_lm")
LABELS = ClassificationOptions(name="classification")


def texts(source):
    return [row.values["text"] for row in source.rows()]


def test_blank_rows_are_left_out_and_counted(write, caplog):
    path = write("a.csv", "text,label\na,x\n ,x\nb,x\n,x\n")
    source = open_splits(DataSection(train=path, validation=path), LABELS).train
    assert source.blank is None
    assert texts(source) == ["a", "b"]
    assert source.blank == 2
    assert list(source.rows()) == list(source.rows())
    assert (
        caplog.text.count(
            f"train data: 2 of 4 documents are blank and left out (the first: {path}:3"
        )
        == 1
    )


def test_fingerprint_is_of_content_and_reading(write, tmp_path):
    def fingerprint(path, **options):
        data = DataSection(train=path, validation=path, **options)
        return open_splits(data, TEXTS).train.fingerprint()

    path = write("a.txt", "one\n\ntwo\n")
    first = fingerprint(path)
    assert fingerprint(write("elsewhere/b.md", "one\n\ntwo\n")) == first
    assert fingerprint(write("c.txt", "one\n\ntwO\n")) != first
    assert fingerprint(path, document="line") != first
    assert fingerprint(path, errors="ignore") != first
    assert fingerprint(write("d.csv", "one\n\ntwo\n")) != first


def test_describe_is_for_the_manifest(write):
    path = write("a.txt", "abc")
    source = open_files(path, DataSection(train=path), TEXTS, name="test", key="--data")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of FIPS 180-2
    assert source.describe() == [{"path": path, "bytes": 3, "sha256": digest}]
