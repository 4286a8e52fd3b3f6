"""Which texts a row is made of: those of each task, changed wherever they stand."""

import pytest

from lmkit.data.rows import Row
from lmkit.data.text_columns import TextColumns, changing
from lmkit.errors import DataError
from lmkit.recipe.options import OPTIONS

MESSAGES = [{"role": "USER", "content": "Ask"}, {"role": "ASSISTANT", "content": "Say"}]
SHARED = [{"from": "Human", "value": "Ask"}]


def columns(task, **options):
    return TextColumns.of(OPTIONS[task](name=task, **options))


def lowered(task, row, **options):
    return columns(task, **options).changed(row, str.lower)


@pytest.mark.parametrize(
    ("task", "options", "row", "texts"),
    [
        ("causal_lm", {}, {"text": "A", "id": "B"}, ["A"]),
        ("masked_lm", {"text_column": "t"}, {"t": "A", "text": "B"}, ["A"]),
        ("classification", {}, {"text": "A", "label": "B"}, ["A"]),
        ("classification", {"text_pair_column": "p"}, {"p": "B", "text": "A"}, ["A", "B"]),
        ("ner", {}, {"tokens": ["A", "b"], "tags": ["O", "O"]}, ["A b"]),
        ("ner", {}, {"text": "A b", "spans": []}, ["A b"]),
        ("qa", {}, {"context": "A", "question": "B", "answers": {"text": ["A"]}}, ["B", "A"]),
        ("seq2seq", {}, {"source": "A", "target": ["B", "C"]}, ["A", "B", "C"]),
        ("chat", {}, {"id": "X", "messages": MESSAGES}, ["Ask", "Say"]),
        ("chat", {}, {"conversations": SHARED}, ["Ask"]),
        ("chat", {}, {"instruction": "A", "input": "", "output": "B"}, ["A", "", "B"]),
        ("chat", {"messages_column": "m"}, {"m": SHARED, "prompt": "B"}, ["Ask"]),
        ("preference", {}, {"prompt": "A", "chosen": MESSAGES[1:], "rejected": "B"},
         ["A", "Say", "B"]),
        ("embedding", {}, {"anchor": "A", "positive": "B", "negative": "C"}, ["A", "B", "C"]),
        ("embedding", {}, {"sentence1": "A", "sentence2": "B", "score": 1}, ["A", "B"]),
        ("multiple_choice", {}, {"question": "A", "choices": ["B", "C"], "answer": "B"},
         ["A", "B", "C"]),
        ("multiple_choice", {"context_column": "c"},
         {"c": "A", "question": "B", "choices": {"text": ["C"], "label": ["X"]}}, ["A", "B", "C"]),
        ("multiple_choice", {}, {"question": "A", "choices": '["B", "C"]'}, ["A", "B", "C"]),
        ("multiple_choice", {}, {"question": "A", "choices": "[broken"}, ["A", "[broken"]),
    ],
)  # fmt: skip
def test_the_texts_of_each_task_are_read_and_changed(task, options, row, texts):
    found = columns(task, **options)
    assert found.read(row) == texts
    if found.words not in row:
        assert found.read(found.changed(row, str.lower)) == [text.lower() for text in texts]
    assert found.changed(row, lambda text: text).keys() == row.keys()


def test_every_task_has_texts():
    assert all(columns(task).texts for task in OPTIONS)


def test_who_says_it_and_what_is_no_text_stay():
    row = {"messages": [*MESSAGES, {"role": "USER", "content": None}, 3], "id": "X"}
    found = lowered("chat", row)
    assert [item["role"] for item in found["messages"][:3]] == ["USER", "ASSISTANT", "USER"]
    assert found["messages"][2:] == [{"role": "USER", "content": None}, 3]
    assert found["id"] == "X"
    assert row["messages"][0]["content"] == "Ask"


@pytest.mark.parametrize(
    ("choices", "answer", "after"),
    [
        (["Red", "Blue"], "Blue", "blue"),
        ('["Red", "Blue"]', "Blue", "blue"),
        ({"text": ["Red", "Blue"], "label": ["P", "Q"]}, "Q", "Q"),
        (["Red", "Blue"], "B", "B"),
        (["Red", "Blue"], 1, 1),
    ],
)
def test_an_answer_goes_on_naming_its_choice(choices, answer, after):
    row = {"question": "Q", "choices": choices, "answer": answer}
    found = lowered("multiple_choice", row)
    assert found["answer"] == after
    texts = found["choices"]["text"] if isinstance(choices, dict) else found["choices"]
    assert texts == ["red", "blue"]


def test_a_text_that_is_lost_is_told():
    change = changing(columns("seq2seq"), lambda text: text.replace("x", ""))
    assert change(Row({"source": "ax", "target": " "}, "f:1")).values["source"] == "a"
    with pytest.raises(DataError, match=r"f:2: nothing is left of the text by the transforms"):
        change(Row({"source": "a", "target": "x "}, "f:2"))
