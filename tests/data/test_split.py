"""Splitting off validation data: disjoint, complete, stable, and never empty."""

import logging

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lmkit.data.limits import FirstRows
from lmkit.data.rows import Row, digest
from lmkit.data.split import MANY, hash_parts, hold_out, tail_start, threshold_of
from lmkit.errors import DataError

TEXTS = st.text(alphabet="ab \n", min_size=1, max_size=6).filter(str.strip)
SHARES = st.floats(0.02, 0.98)


class Rows:
    """Texts in memory."""

    name = "train"

    def __init__(self, texts):
        self.texts = list(texts)

    def rows(self):
        for number, text in enumerate(self.texts):
            yield Row({"text": text, "id": number}, f"memory:{number}")

    def fingerprint(self):
        return repr(self.texts)

    def describe(self):
        return [{"path": "memory", "bytes": 1, "sha256": "0"}]


def texts(source):
    return [row.values["text"] for row in source.rows()]


def split(documents, share=0.05, *, is_corpus=False):
    return hold_out(Rows(documents), share, text_column="text", is_corpus=is_corpus)


@given(documents=st.lists(TEXTS, max_size=60), share=SHARES)
def test_each_row_is_on_one_side_with_all_equal_ones(documents, share):
    documents += ["one", "another"]
    train, validation = split(documents, share)
    assert texts(train)
    assert texts(validation)
    assert not set(texts(train)) & set(texts(validation))
    assert sorted(texts(train) + texts(validation)) == sorted(documents)
    order = [row.values["id"] for row in train.rows()]
    assert order == sorted(order)


@given(
    documents=st.lists(TEXTS, min_size=6, max_size=30, unique=True),
    more=st.lists(TEXTS),
    share=st.floats(0.3, 0.7),
)
def test_no_document_moves_when_the_corpus_grows(documents, more, share):
    threshold = share * 2**64
    below = [digest(row, "text") < threshold for row in Rows(documents).rows()]
    assume(any(below) and not all(below))  # else the threshold moves, so that no side is empty
    before = [set(texts(side)) for side in split(documents, share)]
    after = [set(texts(side)) for side in split(more + documents, share)]
    assert before[0] <= after[0]
    assert before[1] <= after[1]


@given(
    documents=st.lists(TEXTS, min_size=MANY, max_size=40, unique=True),
    more=st.lists(st.lists(TEXTS, max_size=20), max_size=4),
    share=st.floats(0.3, 0.7),
    order=st.randoms(use_true_random=False),
)
def test_a_corpus_grows_and_is_shuffled_and_no_text_moves(documents, more, share, order):
    """Of running text too, once it is many documents; and equal texts go where the first went."""
    threshold = share * 2**64
    below = [digest(row, "text") < threshold for row in Rows(documents).rows()]
    assume(any(below) and not all(below))
    sides = [set(texts(side)) for side in split(documents, share, is_corpus=True)]
    for addition in more:
        documents = documents + addition
        order.shuffle(documents)
        grown = [set(texts(side)) for side in split(documents, share, is_corpus=True)]
        assert sides[0] <= grown[0]
        assert sides[1] <= grown[1]
        assert not grown[0] & grown[1]
        sides = grown


def test_share_of_many_documents():
    _, validation = split([f"document {i}" for i in range(4000)], 0.1, is_corpus=True)
    assert len(texts(validation)) == pytest.approx(400, abs=60)  # three standard deviations


def test_other_columns_do_not_part_equal_texts():
    _, validation = split(["a", "b"] * 50, 0.5)
    assert len(set(texts(validation))) == 1
    assert len(texts(validation)) == 50


@pytest.mark.parametrize("share", [1e-9, 1 - 1e-9])
def test_neither_side_is_empty(share, caplog):
    with caplog.at_level(logging.INFO):
        train, validation = split([f"document {i}" for i in range(30)], share, is_corpus=True)
    assert 1 in (len(texts(train)), len(texts(validation)))
    assert len(texts(train)) + len(texts(validation)) == 30
    assert "none fell on one side" in caplog.text


def test_one_row_or_equal_rows_cannot_be_split():
    with pytest.raises(DataError, match="memory: one row cannot be split into training and valid"):
        split(["a"])
    with pytest.raises(
        DataError, match=r"memory: 40 equal rows cannot be split .*data\.validation"
    ):
        split(["a"] * 40, is_corpus=True)


@given(text=st.text(alphabet="ab \n", max_size=400), share=SHARES)
def test_tail_begins_a_word_near_its_share(text, share):
    at = tail_start(text, share)
    if at is None:
        return
    assert text[:at].strip()
    assert text[at:].strip()
    assert text[at - 1].isspace()
    assert abs(at - len(text) * (1 - share)) <= max(80, len(text) * share / 2) + 2


@pytest.mark.parametrize("text", ["", "word", " word ", "\n\n"])
def test_text_that_cannot_be_cut(text):
    assert tail_start(text, 0.5) is None


@pytest.mark.parametrize(
    ("boundary", "start"), [("\n\n", "New"), ("\r\n\r\n", "New"), ("\n", "New"), (" ", "New")]
)
def test_tail_begins_at_the_best_boundary(boundary, start):
    text = "some words " * 90 + "end." + boundary + "New part. " + "more words " * 9
    at = tail_start(text, 0.1)
    assert text[at:].startswith(start) or boundary == " "


def test_paragraph_is_preferred_to_a_nearer_line():
    text = "x" * 900 + "\n\n" + "y" * 8 + "\n" + "z" * 90
    assert text[tail_start(text, 0.1) :].startswith("y")


@given(documents=st.lists(st.text("ab \n", min_size=40), min_size=1, max_size=MANY - 1))
def test_few_documents_are_cut_at_their_ends(documents):
    if all(tail_start(text, 0.05) is None for text in documents):
        with pytest.raises(DataError, match="too little text to hold out validation data"):
            split(documents, is_corpus=True)
        return
    train, validation = split(documents, is_corpus=True)
    tails = {row.values["id"]: row.values["text"] for row in validation.rows()}
    assert texts(validation)
    assert [text + tails.get(i, "") for i, text in enumerate(texts(train))] == documents


def test_one_long_text_gives_its_last_part(test_data, caplog):
    text = (test_data / "tinyshakespeare" / "input.txt").read_text()
    with caplog.at_level(logging.INFO):
        train, validation = split([text], is_corpus=True)
    (head,), (tail,) = texts(train), texts(validation)
    assert head + tail == text
    assert len(tail) / len(text) == pytest.approx(0.05, abs=0.001)
    assert head.endswith("\n\n")
    assert "the last 0.05 of each document" in caplog.text
    assert next(validation.rows()).origin == f"memory:0 (from character {len(head)})"


def test_descriptions_say_which_part():
    train, validation = split([f"document {i}" for i in range(40)])
    assert train.describe()[0]["part"] == "0.95 of the documents, by a hash of the content"
    assert validation.describe()[0]["part"].startswith("0.05 of")
    train, validation = split(["a few words " * 90], is_corpus=True)
    assert train.describe()[0]["part"] == "the first 0.95 of each document"
    first = FirstRows("validation", validation, 3).describe()[0]
    assert first["part"] == "the first 3 documents, of the last 0.05 of each document"
    assert (train.name, validation.name) == ("train", "validation")


def test_fingerprints_differ_by_what_is_read():
    documents = [f"document {i}" for i in range(40)]
    sides = [*split(documents), *split(documents, 0.2), *split(documents[:9], is_corpus=True)]
    sides += [Rows(documents), FirstRows("train", Rows(documents), 3)]
    sides += [FirstRows("train", Rows(documents), 4)]
    assert len({side.fingerprint() for side in sides}) == len(sides)
    assert split(documents)[0].fingerprint() == sides[0].fingerprint()


def test_first_rows():
    assert texts(FirstRows("train", Rows("abc"), 2)) == ["a", "b"]


class Counted(Rows):
    """Counts the passes over it."""

    passes = 0

    def rows(self):
        self.passes += 1
        return super().rows()


@pytest.mark.parametrize("room", [0, 10**6])
def test_what_is_held_out_is_read_once_where_it_is_little(room, monkeypatch):
    monkeypatch.setattr("lmkit.data.split.KEPT_CHARACTERS", room)
    source = Counted(f"text {number}" for number in range(400))
    train, held_out = hold_out(source, 0.1, text_column="text", is_corpus=True)
    first = source.passes
    assert next(train.rows())  # a pass that was not finished keeps nothing
    expected = texts(held_out)
    kept = texts(train)
    assert source.passes == first + 3
    assert texts(held_out) == expected
    assert source.passes == first + (3 if room else 4)
    assert sorted(expected + kept) == sorted(source.texts)


def test_nothing_of_a_shard_of_a_stream_is_kept():
    source = Counted(f"text {number}" for number in range(400))
    train, held_out = hash_parts(source, threshold_of(0.1), "text")
    assert sorted(texts(train) + texts(held_out)) == sorted(source.texts)
    assert source.passes == 2
    assert texts(held_out)
    assert source.passes == 3
