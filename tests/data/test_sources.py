"""Data sections of a recipe: what opens, and what is said of what does not."""

import logging

import pytest

from lmkit.data.sources import open_files, open_splits
from lmkit.errors import DataError
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.recipe.sections import DataSection

TEXTS = CausalLMOptions(name="causal_lm")
LABELS = ClassificationOptions(name="classification")


def texts(source):
    return [row.values["text"] for row in source.rows()]


def message(options=TEXTS, **data):
    with pytest.raises(DataError) as caught:
        open_splits(DataSection.model_validate(data), options)
    return str(caught.value)


def test_named_splits_are_read_as_they_are(write):
    names = {name: write(f"{name}.txt", f"{name} text") for name in ("train", "validation", "test")}
    splits = open_splits(DataSection(**names), TEXTS)
    assert [texts(source) for source in splits] == [[f"{name} text"] for name in names]
    assert [source.name for source in splits] == list(names)


def test_formats_mix_in_one_corpus(write, tmp_path):
    write("c/a.txt", "one")
    write("c/b.jsonl", '{"text": "two", "id": 1}\n')
    write("c/c.csv", "text,label\nthree,x\n")
    write("c/d.py", "four = 4\n")
    train = open_splits(
        DataSection(train=str(tmp_path / "c"), validation=write("v.md", "v")), TEXTS
    )[0]
    assert texts(train) == ["one", "two", "three", "four = 4\n"]
    origins = [row.origin.removeprefix(f"{tmp_path}/c/") for row in train.rows()]
    assert origins == ["a.txt", "b.jsonl:1", "c.csv:2", "d.py"]


def test_text_takes_the_name_of_the_column_that_the_task_reads(write):
    options = TEXTS.model_copy(update={"text_column": "content"})
    data = DataSection(train=[write("a.txt", "one " * 50), write("b.jsonl", '{"content": "two"}')])
    train = open_splits(data, options).train
    assert all("content" in row.values for row in train.rows())


def test_validation_is_split_off(write):
    lines = "".join(f'{{"text": "document {i}"}}\n' for i in range(400))
    train, validation, test = open_splits(DataSection(train=write("a.jsonl", lines)), TEXTS)
    assert len(texts(train)) + len(texts(validation)) == 400
    assert 5 <= len(texts(validation)) <= 35
    assert test is None


def test_single_text_is_split_by_its_end_for_language_models_only(write):
    path = write("input.txt", "to be or not to be\n\n" * 200)
    _, validation, _ = open_splits(DataSection(train=path), TEXTS)
    assert len(texts(validation)[0]) == pytest.approx(0.05 * 4000, abs=20)
    assert "one row cannot be split" in message(LABELS, train=path)


def test_few_labelled_rows_are_split_by_row(write):
    path = write("a.csv", "text,label\n" + "".join(f"text {i},x\n" for i in range(6)))
    train, validation, _ = open_splits(DataSection(train=path), LABELS)
    assert sorted(texts(train) + texts(validation)) == [f"text {i}" for i in range(6)]
    assert len(texts(validation)) >= 1


def test_max_documents_holds_for_each_split(write):
    lines = "".join(f'{{"text": "document {i}"}}\n' for i in range(400))
    path = write("a.jsonl", lines)
    data = DataSection(train=path, test=path, max_documents=4)
    assert [len(texts(source)) for source in open_splits(data, TEXTS)] == [4, 4, 4]


def test_file_in_two_splits_is_told(write, caplog):
    path = write("a.txt", "a")
    open_splits(DataSection(train=path, validation=path), TEXTS)
    assert f"data.train and data.validation both hold {path}" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.txt", "", "a.txt: the file is empty"),
        ("a.txt", " \n\n\t\n", "a.txt: the file holds nothing but white space"),
        ("a.jsonl", "\n\n", "a.jsonl: the file holds nothing but white space"),
        ("a.csv", "text,label\n", "a.csv: the file holds no row of data"),
        ("a.json", "[]", "a.json: the file holds no row of data"),
        ("a.txt", b"abc\xff", "a.txt: byte 3 is not UTF-8 (0xff"),
        ("a.txt", "words".encode("utf-16"), "a.txt: is UTF-16"),
        ("a.bin", b"\x00\x01\x02", "a.bin: byte 0 is NUL, so it is not text"),
        ("a.pdf", b"%PDF-1.4", "a.pdf: is a PDF, not text; formats: txt, md"),
        ("a.zip", b"PK", "a.zip: archives are not read; unpack it"),
        ("a.jsonl", '{"text": 1', "a.jsonl:1:11: broken JSON"),
        ("a.parquet", "text", "a.parquet: not a readable parquet file"),
        ("a.jsonl.gz", "text", "a.jsonl.gz: damaged or cut-off .gz data"),
    ],
)
def test_bad_file_is_found_when_it_is_opened(write, name, content, text):
    path = write(name, content)
    assert text in message(train=path, validation=path)


def test_missing_file(tmp_path):
    assert message(train=str(tmp_path / "a.txt")).startswith("data.train: no such file or folder")
    assert message(train=__file__, test=str(tmp_path / "a.txt")).startswith("data.test: no such")


def test_folder_of_empty_files(write, tmp_path):
    write("c/a.txt", "")
    write("c/b.txt", "\n")
    assert "train data: none of 2 files holds a row" in message(train=str(tmp_path / "c"))


def lines(name, count):
    return "".join(f'{{"text": "{name} {i}"}}\n' for i in range(count))


def test_a_mixture_holds_out_validation_data_of_each_part(write):
    entries = [{"path": write(f"{name}.jsonl", lines(name, 100)), "weight": 1} for name in "ab"]
    data = DataSection.model_validate({"train": entries, "validation_share": 0.2})
    train, validation, test = open_splits(data, TEXTS)
    assert test is None
    assert [part.name for part in train.parts] == ["train.0", "train.1"]
    for part, held_out, name in zip(train.parts, validation.parts, "ab", strict=True):
        assert 5 <= len(texts(held_out)) <= 40
        every = [f"{name} {i}" for i in range(100)]
        assert sorted(texts(part) + texts(held_out)) == sorted(every)
    assert texts(train) == texts(train.parts[0]) + texts(train.parts[1])
    alone = open_splits(DataSection(train=entries[0]["path"], validation_share=0.2), TEXTS)
    assert alone.train.fingerprint() == train.parts[0].fingerprint()


def test_parts_of_every_kind_with_their_limits(write):
    entries = [
        {"path": write("a.jsonl", lines("a", 90)), "repeat": 2},
        write("b.dat", lines("b", 90)),
        {"dataset": "stdlib", "split": "test"},
    ]
    data = DataSection.model_validate(
        {"train": entries, "validation": write("v.txt", "v"), "max_documents": 3,
         "max_tokens": 7, "format": "jsonl"}
    )  # fmt: skip
    train, validation, _ = open_splits(data.model_copy(update={"validation": None}), TEXTS)
    assert [len(texts(part)) for part in train.parts] == [3, 3, 3]
    assert texts(train.parts[1])[0].startswith("b ")
    assert [part.describe()[0]["part"].split(",")[0] for part in train.parts] == [
        "the first 7 tokens"
    ] * 3
    assert next(train.parts[2].rows()).origin.startswith("stdlib:")
    assert 3 <= len(texts(validation)) <= 9


def test_messages_name_the_entry(write, caplog):
    path = write("a.txt", "a b c")
    assert message(train=[{"path": path}, {"path": "none.txt"}]).startswith(
        "data.train.1.path: no such file or folder: none.txt"
    )
    assert message(train=[{"dataset": "stdlib", "split": "tset"}]) == (
        "data.train.0.split: stdlib has the splits train, validation, test, not `tset`; did you "
        "mean `test`?"
    )
    assert "a.txt: the file is empty" in message(train=[{"path": write("a.txt", "")}])
    both = {"path": write("b.txt", "b")}
    open_splits(DataSection.model_validate({"train": [both], "test": both["path"],
                                            "validation": write("v.txt", "v")}), TEXTS)  # fmt: skip
    assert f"data.train and data.test both hold {both['path']}" in caplog.text


def test_the_format_may_be_named(write, tmp_path):
    write("c/rows", lines("a", 2))
    write("c/more.txt", lines("b", 1))
    data = DataSection(train=str(tmp_path / "c"), format="jsonl", validation=write("v", "[]"))
    train = open_files(data.train, data, TEXTS, name="train", key="data.train")
    assert texts(train) == ["b 0", "a 0", "a 1"]


def test_max_tokens_is_of_the_training_split(write):
    data = DataSection(train=write("a.jsonl", lines("a", 60)), max_tokens=9, validation_share=0.3)
    train, validation, _ = open_splits(data, TEXTS)
    assert train.describe()[0]["part"].startswith("the first 9 tokens, of 0.7 of")
    assert validation.describe()[0]["part"].startswith("0.3 of")


def test_embedded_set(caplog):
    with caplog.at_level(logging.INFO):
        train, validation, test = open_splits(DataSection(dataset="stdlib", max_documents=2), TEXTS)
    assert [len(texts(source)) for source in (train, validation, test)] == [2, 2, 2]
    assert [source.name for source in (train, validation, test)] == ["train", "validation", "test"]


@pytest.mark.parametrize(
    ("folder", "rows"), [("tweet_emotion", 3257), ("ag_news", 6000), ("banking77", 10003)]
)
def test_rows_from_the_field(test_data, folder, rows):
    data = DataSection(train=str(test_data / folder / "train.csv"))
    options = LABELS.model_copy(update={"text_column": None})
    train, validation, _ = open_splits(data, options)
    assert sum(1 for source in (train, validation) for _ in source.rows()) == rows
