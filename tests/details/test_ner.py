"""Details of entities, from tags by hand."""

import pytest

from lmkit.details.ner import details
from lmkit.recipe.options.ner import NerOptions
from lmkit.tasks.ner import Ner

VALUES = [
    {"tokens": ["Ada", "Lovelace", "met", "Bob"]},
    {"tokens": ["Rome", "is", "old"]},
    {"tokens": ["nothing"]},
]


@pytest.fixture
def found(scored, by_name):
    task = Ner(NerOptions(name="ner", labels=["PER", "LOC"]))
    ids = task.tags.ids

    def tags(line):
        return [ids[name] for name in line.split()]

    gold = ["B-PER I-PER O B-PER", "B-LOC O O", "O"]
    told = ["B-PER O O B-PER", "B-PER O O", "O"]
    rows = {
        "document": [0, 1, 2],
        "nll": [1.0, 1.0, 0.1],
        "count": [4, 3, 1],
        "gold": [tags(line) for line in gold],
        "predicted": [tags(line) for line in told],
    }
    return by_name(details(scored(task, rows, VALUES)))


def test_the_kinds_of_mistakes(found):
    table = found["entity_errors"]
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert (rows["PER"]["right"], rows["PER"]["wrong_ends"]) == (1, 1)
    assert rows["LOC"]["wrong_type"] == 1
    assert rows["(all)"]["gold"] == 3


def test_the_worst_sentences(found):
    rows = found["worst_mistakes"].rows
    assert rows == [
        ["test.jsonl:1", "Ada Lovelace (PER)", "Ada (PER)", "Ada Lovelace met Bob"],
        ["test.jsonl:2", "Rome (LOC)", "Rome (PER)", "Rome is old"],
    ]


def test_slices_by_length(found):
    table = found["by_length"]
    assert [row[:2] for row in table.rows] == [["1", 1], ["3", 1], ["4", 1]]
    assert [row[2] for row in table.rows] == [None, 0.0, pytest.approx(0.5)]
