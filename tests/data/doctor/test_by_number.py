"""Rows known by number get their places in one more reading of each split."""

from pathlib import Path

from lmkit.data.doctor.by_number import LONG_LEAST, numbered_findings
from lmkit.data.doctor.examine import View, examine
from lmkit.data.doctor.findings import SHOWN
from lmkit.data.rows import Row


class Counting:
    """A source in memory that counts how often it is read, and how far."""

    def __init__(self, name: str, texts: list[str]) -> None:
        self.name, self.texts, self.read = name, texts, []

    def rows(self):
        self.read.append(0)
        for number, text in enumerate(self.texts):
            self.read[-1] += 1
            yield Row({"text": text}, f"{self.name}:{number}")

    def describe(self):
        return [{"bytes": 100}]


def numbered(*sources: Counting):
    examined = examine(sources, View("text", None))
    return {(f.split, f.kind): f for f in numbered_findings(examined, has_labels=False)}


def test_each_split_is_read_twice_and_no_further_than_needed() -> None:
    train = Counting("train", [f"text {i % 40}" for i in range(100)])
    other = Counting("test", ["text 3", "something else", "text 5", "x" * 50])
    found = numbered(train, other)
    assert found["train", "duplicate"].count == 60
    assert found["train", "duplicate"].rows == [f"train:{40 + i}" for i in range(SHOWN)]
    assert found["train", "duplicate"].others == [f"train:{i}" for i in range(SHOWN)]
    assert found["test", "leak"].rows == ["test:0", "test:2"]
    assert found["test", "leak"].others == ["train:3", "train:5"]
    assert train.read == [100, 50]
    assert other.read == [4, 3]


def test_nothing_found_is_no_second_reading() -> None:
    train = Counting("train", [f"text {i}" for i in range(10)])
    assert numbered(train) == {}
    assert train.read == [10]


def test_short_and_long() -> None:
    texts = ["an ordinary line", "ok", "x" * LONG_LEAST, "y" * (LONG_LEAST + 1), "another one"]
    found = numbered(Counting("train", texts))
    assert found["train", "short"].rows == ["train:1"]
    assert found["train", "long"].rows == ["train:3"]


def test_rows_that_cannot_be_read_do_not_shift_the_numbers(tmp_path: Path, examination) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "once"}\n{broken\n{"text": "other"}\n{"text": "once"}\n')
    found = examination(View("text", None), train=path)
    assert found.places()["train", "duplicate"] == ["t.jsonl:4"]
