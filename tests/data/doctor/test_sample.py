"""Rows drawn by content: as many as asked for, the same each time, with what became of them."""

import random
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.doctor.copies import hash64
from lmkit.data.doctor.sample import Changes, draw
from lmkit.data.rows import Row
from lmkit.data.split import HashPart


class Plain:
    name = "train"

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def rows(self) -> Iterator[Row]:
        for number, text in enumerate(self.texts):
            yield Row({"text": text}, f"x:{number}")


class Lowered(Plain):
    def rows(self) -> Iterator[Row]:
        return (after for _, after in self.changes() if after is not None)

    def changes(self) -> Iterator[tuple[Row, Row | None]]:
        for row in super().rows():
            text = row.values["text"]
            yield row, None if text == "DROP" else Row({"text": text.lower()}, row.origin)


@given(st.lists(st.text(max_size=3)), st.integers(1, 8))
def test_the_smallest_hashes_in_the_order_of_the_source(texts: list[str], count: int) -> None:
    drawn = [shown.before for shown in draw(Plain(texts), count, "text")]
    distinct = sorted({hash64(text) for text in texts})[:count]
    assert {hash64(row.values["text"]) for row in drawn} == set(distinct)
    numbers = [int(row.origin.partition(":")[2]) for row in drawn]
    assert numbers == sorted(numbers)
    assert all(texts.index(texts[number]) == number for number in numbers)


def test_the_order_of_the_rows_has_no_say() -> None:
    texts = [f"text {i}" for i in range(200)]
    first = {shown.before.values["text"] for shown in draw(Plain(texts), 5, "text")}
    random.Random(1).shuffle(texts)
    assert {shown.before.values["text"] for shown in draw(Plain(texts), 5, "text")} == first


def test_a_part_of_a_source_that_changes_rows() -> None:
    texts = [f"Text {i}" for i in range(40)] + ["DROP"]
    whole = Lowered(texts)
    parts = [HashPart(name, whole, "text", 2**62, name == "held") for name in ("kept", "held")]
    seen = [draw(part, 100, "text") for part in parts]
    assert all(len(part) > 5 for part in seen)
    assert sum(shown.after is None for shown in seen[0]) == 1
    kept = [shown for part in seen for shown in part if shown.after is not None]
    assert sorted(shown.before.values["text"] for shown in kept) == sorted(texts[:-1])
    assert all(shown.after.values["text"] == shown.before.values["text"].lower() for shown in kept)


def test_before_and_after() -> None:
    unchanged = draw(Plain(["Ab"]), 3, "text")
    assert unchanged[0].before == unchanged[0].after
    source = Lowered(["Ab", "DROP"])
    assert isinstance(source, Changes)
    assert not isinstance(Plain([]), Changes)
    shown = draw(source, 3, "text")
    assert [(s.before.values["text"], s.after and s.after.values["text"]) for s in shown] == [
        ("Ab", "ab"), ("DROP", None),
    ]  # fmt: skip
