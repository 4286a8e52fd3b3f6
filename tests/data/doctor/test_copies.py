"""Copies by hash, against a plain comparison of the contents."""

from array import array

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.doctor.copies import (
    Contents,
    conflicts,
    content_of,
    folded,
    label_of,
    leaks,
    majority,
    repeats,
)
from lmkit.data.rows import Row

TEXTS = st.lists(st.sampled_from(["a", "A", " a", "b", "b\n c", "B C", "straße", "STRASSE"]))


def contents(texts: list[str]) -> Contents:
    found = Contents()
    for text in texts:
        found.add(text)
    return found


def pairs(copies) -> list[tuple[int, int]]:
    return list(zip(copies.rows.tolist(), copies.of.tolist(), strict=True))


@given(TEXTS)
def test_repeats_are_what_a_plain_search_finds(texts: list[str]) -> None:
    exact, near = repeats(contents(texts))
    plain = [(i, texts.index(text)) for i, text in enumerate(texts) if texts.index(text) < i]
    assert pairs(exact) == plain
    alike = [folded(text) for text in texts]
    again = [(i, alike.index(text)) for i, text in enumerate(alike) if alike.index(text) < i]
    assert pairs(near) == [pair for pair in again if pair[0] not in dict(plain)]


@given(TEXTS, TEXTS)
def test_leaks_are_what_a_plain_search_finds(texts: list[str], train: list[str]) -> None:
    exact, near = leaks(contents(texts), contents(train))
    assert pairs(exact) == [(i, train.index(t)) for i, t in enumerate(texts) if t in train]
    alike = [folded(text) for text in train]
    assert pairs(near) == [
        (i, alike.index(folded(t)))
        for i, t in enumerate(texts)
        if folded(t) in alike and t not in train
    ]


def test_conflicts() -> None:
    labels = array("i", [0, 1, 0, 0])
    assert pairs(conflicts(contents(["a", "A", "a", "b"]), labels)) == [(1, 0)]


def test_sixteen_bytes_a_row() -> None:
    found = contents([str(i) for i in range(10_000)])
    held = len(found.exact) * found.exact.itemsize + len(found.folded) * found.folded.itemsize
    assert held == 16 * 10_000
    assert len(np.unique(np.frombuffer(found.exact, np.uint64))) == 10_000


def test_content_is_the_text_or_all_but_the_name() -> None:
    assert content_of(Row({"text": "a", "label": "b"}, "x"), "text") == "a"
    one, two = ({"id": i, "question": "q", "context": "c"} for i in (1, 2))
    assert content_of(Row(one, "x"), None) == content_of(Row(two, "y"), None)
    assert content_of(Row({**one, "context": "d"}, "x"), None) != content_of(Row(one, "y"), None)


def test_labels_are_read_as_a_run_reads_them() -> None:
    values = {"a": 3.0, "b": "joy", "c": True, "d": None, "e": ["x"]}
    row = Row(values, "x")
    assert [label_of(row, name) for name in "abcdef"] == ["3", "joy", "True", None, None, None]


def test_majority() -> None:
    assert majority({"b": 2, "a": 2, "c": 1}) == ("a", 0.4)
    assert majority({}) is None
