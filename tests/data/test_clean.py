"""Cleaned splits: what is read, what the cache keeps, and what decides about it."""

import logging

import numpy as np
import pytest

from lmkit.data import clean
from lmkit.data.cache import CacheMissError, cache_dir, reading_only, scratch
from lmkit.data.clean import Cleaned, clean_as_trained, cleaning_ledgers
from lmkit.data.limits import FirstRows
from lmkit.data.mixture import parts_of
from lmkit.data.rows import Row, Splits
from lmkit.data.sources import open_splits
from lmkit.data.text_columns import TextColumns
from lmkit.errors import DataError
from lmkit.recipe.cleaning import CleanSection
from lmkit.recipe.mixture import MixturePart
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.recipe.sections import DataSection

TEXTS = CausalLMOptions(name="causal_lm")
LABELS = ClassificationOptions(name="classification")


class Rows:
    """Texts in memory, and how often they were read."""

    name = "train"

    def __init__(self, *texts):
        self.texts = texts
        self.passes = 0

    def rows(self):
        self.passes += 1
        for number, text in enumerate(self.texts):
            yield Row({"text": text, "id": number}, f"memory:{number}")

    def fingerprint(self):
        return repr(self.texts)

    def describe(self):
        return [{"path": "memory"}]


def cleaned(source, filters=True, others=(), label_column=None, **options):
    return Cleaned(
        source, CleanSection(**options), columns=TextColumns(("text",)), label_column=label_column,
        filters=filters, others=others,
    )  # fmt: skip


def texts(source):
    return [row.values["text"] for row in source.rows()]


def write(path, *rows):
    path.write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in rows))
    return str(path)


def test_rows_are_transformed_and_filtered_and_keep_their_columns():
    source = cleaned(Rows("A", "b", "a", "long one"), lowercase=True, duplicates="exact",
                     max_length=3)  # fmt: skip
    assert [tuple(row.values.values()) for row in source.rows()] == [("a", 0), ("b", 1)]
    assert [row.origin for row in source.rows()] == ["memory:0", "memory:1"]
    assert source.describe() == [{"path": "memory"}]
    assert source.ledger.dropped == {"blank": 0, "max_length": 1, "duplicates": 1}
    reviewed = [
        (row.values["text"], after.values["text"], why) for row, after, why in source.review()
    ]
    assert reviewed == [
        ("A", "a", None), ("b", "b", None), ("a", "a", "duplicates"),
        ("long one", "long one", "max_length"),
    ]  # fmt: skip


def test_what_holds_no_text_is_left_to_those_who_need_it():
    source = cleaned(Rows(None, 5, "A"), lowercase=True, min_length=1, duplicates="exact")
    assert texts(source) == [None, 5, "a"]
    assert [after.values["text"] for _, after, _ in source.review()] == [None, 5, "a"]


def test_a_hit_reads_nothing(caplog):
    source = Rows("A", "a", "b")
    with caplog.at_level(logging.INFO):
        first = cleaned(source, lowercase=True, duplicates="exact").ledger
    assert source.passes == 1
    assert "train: cleaned (miss " in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO):
        again = cleaned(source, lowercase=True, duplicates="exact")
        assert again.ledger == first
        with reading_only():
            assert texts(again) == ["a", "b"]
    assert source.passes == 2
    assert caplog.text.count("train: cleaned (hit ") == 1
    assert "3 documents in; changed: 1 lowercase; dropped: 0 blank, 1 duplicates" in caplog.text


def test_a_verdict_is_whole_or_absent():
    class Killed(KeyboardInterrupt):
        pass

    class Torn(Rows):
        def rows(self):
            yield from list(super().rows())[:2]
            if self.passes == 1:
                raise Killed

    source = Torn("a", "b", "a")
    with pytest.raises(Killed):
        list(cleaned(source, duplicates="exact").rows())
    folder = cache_dir() / "clean"
    assert list(folder.glob("*/meta.json")) == []
    source = Rows("a", "b", "a")
    made = cleaned(source, duplicates="exact")
    assert texts(made) == ["a", "b"]
    (entry,) = [path.parent for path in folder.glob("*/meta.json")]
    reasons = np.load(entry / "reasons.npy")
    assert reasons.tolist() == [0, 0, 7]
    (entry / "reasons.npy").write_bytes(b"torn")
    assert texts(cleaned(source, duplicates="exact")) == ["a", "b"]
    assert np.load(entry / "reasons.npy").tolist() == [0, 0, 7]


def test_nothing_is_written_where_nothing_may_be():
    source = Rows("a", "b")
    with reading_only(), pytest.raises(CacheMissError):
        list(cleaned(source, lowercase=True).rows())
    with scratch():
        inside = cleaned(source, lowercase=True)
        assert texts(inside) == ["a", "b"]
    assert not (cache_dir() / "clean").exists()


def test_nothing_left_shows_the_counts():
    with pytest.raises(DataError) as caught:
        list(cleaned(Rows("the", "of ab", "ab"), stop_words="en", min_length=3).rows())
    assert str(caught.value) == (
        "train data: cleaning leaves nothing: 3 documents in; changed: 2 stop_words; dropped: "
        "1 blank, 2 min_length; 0 out, 10 characters to 0; loosen data.clean"
    )
    assert not list((cache_dir() / "clean").glob("[!.]*"))


OPTIONS = [
    {"html": "tags"}, {"unicode": "NFC"}, {"replace": {"a": "b"}}, {"lowercase": True},
    {"stop_words": "en"}, {"whitespace": "all"}, {"drop": ["x"]}, {"drop": ["y"]},
    {"min_length": 1}, {"min_length": 2}, {"max_length": 9}, {"language": ["en"]},
    {"language": ["en", "de"]}, {"drop_leaks": True}, {"duplicates": "exact"},
    {"duplicates": "near"}, {"duplicates": "near", "near_threshold": 0.9},
    {"duplicates": "near", "near_units": "characters"}, {"duplicates": "near", "near_ngram": 3},
]  # fmt: skip


def test_fingerprint_is_of_content_and_of_each_option(monkeypatch):
    source = Rows("a", "b")
    prints = [cleaned(source, **options).fingerprint() for options in OPTIONS]
    assert len({*prints, source.fingerprint()}) == len(OPTIONS) + 1
    assert prints == [cleaned(Rows("a", "b"), **options).fingerprint() for options in OPTIONS]
    assert cleaned(Rows("a", "c"), **OPTIONS[0]).fingerprint() != prints[0]
    assert cleaned(source, filters=False, min_length=1).fingerprint() != prints[8]
    both = [cleaned(source, language=list(codes)).fingerprint() for codes in ("en de", "de en")
            for codes in [codes.split()]]  # fmt: skip
    assert both[0] == both[1]
    leaks = [cleaned(source, others=[Rows(text)], drop_leaks=True) for text in "ab"]
    assert leaks[0].fingerprint() != leaks[1].fingerprint()
    monkeypatch.setattr(clean, "version", {}.get)
    changed = [cleaned(source, **options).fingerprint() for options in OPTIONS]
    differ = [one != other for one, other in zip(prints, changed, strict=True)]
    assert differ == ["language" in o or o.get("duplicates") == "near" for o in OPTIONS]


@pytest.mark.parametrize("nothing", [None, CleanSection(), CleanSection(near_ngram=5)])
def test_nothing_to_do_costs_nothing(tmp_path, nothing):
    path = write(tmp_path / "a.csv", *[(f"t {i}", "x") for i in range(9)])
    plain = open_splits(DataSection(train=path, validation=path), LABELS)
    splits = open_splits(DataSection(train=path, validation=path, clean=nothing), LABELS)
    assert type(splits.train) is type(plain.train)
    assert splits.train.fingerprint() == plain.train.fingerprint()
    assert cleaning_ledgers(splits) == {}
    assert clean_as_trained(plain.train, nothing, LABELS) is plain.train
    assert not (cache_dir() / "clean").exists()


def test_scored_splits_are_transformed_but_not_filtered(tmp_path):
    rows = [("Q", "x"), ("q", "y"), ("B", "x"), ("Long", "y"), ("the", "x"), ("Z", "y")]
    train = write(tmp_path / "a.csv", *rows)
    other = write(tmp_path / "b.csv", ("B", "x"), ("b", "x"), ("The", "y"), ("Longer", "x"))
    section = CleanSection(
        lowercase=True, stop_words="en", max_length=2, drop_leaks=True, duplicates="exact"
    )
    splits = open_splits(
        DataSection(train=train, validation=other, test=other, clean=section), LABELS
    )
    scored = ["b", "b", "longer"]
    assert [texts(source) for source in splits] == [["q", "z"], scored, scored]
    ledgers = cleaning_ledgers(splits)
    assert list(ledgers) == ["train", "validation", "test"]
    assert ledgers["test"]["dropped"] == {"blank": 1}
    assert ledgers["train"]["dropped"] == {
        "blank": 1, "max_length": 1, "drop_leaks": 1, "duplicates": 1,
    }  # fmt: skip


def test_each_part_of_a_mixture_is_cleaned_by_itself(tmp_path):
    one = write(tmp_path / "a.csv", ("Q", "x"), ("q", "y"), ("B", "x"))
    two = write(tmp_path / "b.csv", ("Q", "x"), ("leak", "y"), ("A b", "y"))
    held = write(tmp_path / "c.csv", ("LEAK", "y"), ("R", "x"))
    parts = [MixturePart(path=one), MixturePart(path=two, repeat=2)]
    section = CleanSection(lowercase=True, duplicates="exact", drop_leaks=True)
    splits = open_splits(DataSection(train=parts, validation=held, clean=section), LABELS)
    assert [texts(part) for part in parts_of(splits.train)] == [["q", "b"], ["q", "a b"]]
    assert texts(splits.validation) == ["leak", "r"]
    assert {name: found["dropped"] for name, found in cleaning_ledgers(splits).items()} == {
        "train.0": {"blank": 0, "drop_leaks": 0, "duplicates": 1},
        "train.1": {"blank": 0, "drop_leaks": 1, "duplicates": 0},
        "validation": {"blank": 0},
    }


def test_equal_texts_go_to_the_same_side_once_they_are_cleaned(tmp_path):
    rows = [(text, "x") for number in range(60) for text in (f"Text {number}", f"text {number} ")]
    path = write(tmp_path / "a.csv", *rows)
    data = DataSection(train=path, validation_share=0.3)
    sides = [set(texts(side)) for side in open_splits(data, LABELS)[:2]]
    assert {text.lower().strip() for text in sides[0]} & {text.lower().strip() for text in sides[1]}
    section = CleanSection(lowercase=True, whitespace="all")
    splits = open_splits(data.model_copy(update={"clean": section}), LABELS)
    sides = [texts(side) for side in splits[:2]]
    assert not set(sides[0]) & set(sides[1])
    assert sum(map(len, sides)) == len(rows)
    assert list(cleaning_ledgers(splits)) == ["train"]  # told once: before it was held out
    assert cleaning_ledgers(splits)["train"]["documents_in"] == len(rows)
    limited = open_splits(data.model_copy(update={"clean": section, "max_documents": 2}), LABELS)
    assert [len(texts(side)) for side in limited[:2]] == [2, 2]
    assert list(cleaning_ledgers(limited)) == ["train"]


def test_labels_that_contradict_are_told(tmp_path, caplog):
    path = write(tmp_path / "a.csv", ("a", "x"), ("b", "y"), ("A", "y"), ("a", "x"), ("B", "x"))
    section = CleanSection(lowercase=True, duplicates="exact")
    data = DataSection(train=path, validation=path, clean=section)
    for _ in range(2):  # a hit tells it too
        caplog.clear()
        splits = open_splits(data, LABELS)
        assert [tuple(row.values.values()) for row in splits.train.rows()] == [
            ("a", "x"), ("b", "y"),
        ]  # fmt: skip
        assert (
            "train data: 2 duplicates that are left out have another label than the one that is "
            "kept (the first: row 3)"
        ) in caplog.text
    assert cleaning_ledgers(splits)["train"]["conflicting_labels"] == 2


def test_a_corpus_of_few_documents_is_cut_after_it_was_cleaned(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("To  be or not to BE\n\n\n" * 200)
    section = CleanSection(lowercase=True, whitespace="lines")
    train, validation, _ = open_splits(DataSection(train=str(path), clean=section), TEXTS)
    whole = texts(train)[0] + texts(validation)[0]
    assert whole == "\n\n".join(["to be or not to be"] * 200)


def test_parts_of_a_mixture_are_filtered_by_themselves():
    class Parts:
        def __init__(self, *parts):
            self.parts = parts

    first, second, other = Rows("A", "a", "b"), Rows("a", "c"), Rows("C")
    first.name, second.name, other.name = "train.0", "train.1", "test"
    section = CleanSection(lowercase=True, duplicates="exact", drop_leaks=True)
    parts, scored = clean.clean_parts([first, second], [None, other], section, TEXTS)
    assert [texts(part) for part in parts] == [["a", "b"], ["a"]]
    assert scored[0] is None
    assert texts(scored[1]) == ["c"]
    ledgers = cleaning_ledgers(Splits(FirstRows("train", Parts(*parts), 9), None, scored[1]))
    assert {name: found["dropped"] for name, found in ledgers.items()} == {
        "train.0": {"blank": 0, "drop_leaks": 0, "duplicates": 1},
        "train.1": {"blank": 0, "drop_leaks": 1, "duplicates": 0},
        "test": {"blank": 0},
    }


def test_the_embedded_set(tmp_path):
    section = CleanSection(whitespace="lines", min_length=200, duplicates="exact")
    splits = open_splits(DataSection(dataset="stdlib", clean=section), TEXTS)
    ledgers = cleaning_ledgers(splits)
    assert ledgers["train"]["dropped"]["min_length"] > 0
    assert list(ledgers["test"]["dropped"]) == ["blank"]
    assert ledgers["train"]["documents_out"] == sum(1 for _ in splits.train.rows())
    assert all(len(text) >= 200 for text in texts(splits.train))
