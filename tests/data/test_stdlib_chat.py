"""Conversations and choices of the embedded set: real functions, and the same lines shuffled."""

import ast
from collections import Counter

import pytest

from lmkit.data import stdlib_chat
from lmkit.data.stdlib_functions import documented

SOURCE = '''
class Box:
    def put(self, item):
        """Put an item in.

        It stays.
        """
        self.items.append(item)
        self.count += 1

def one():
    "Return the number one."
    return 1
'''


@pytest.fixture
def made(monkeypatch):
    """The embedded set is two functions."""
    items = list(documented(SOURCE, "box.py"))
    monkeypatch.setattr(stdlib_chat, "functions", lambda _: items)


@pytest.mark.usefixtures("made")
def test_a_docstring_is_answered_by_its_function():
    put, one = stdlib_chat.chat_rows("train")
    assert put.values == {
        "messages": [
            {
                "role": "user",
                "content": "Write the Python function `Box.put`.\n\nPut an item in.\n\nIt stays.",
            },
            {
                "role": "assistant",
                "content": "def put(self, item):\n    self.items.append(item)\n    self.count += 1",
            },
        ],
        "path": "box.py",
    }
    assert put.origin == "stdlib:box.py:3"
    assert one.values["messages"][1]["content"] == "def one():\n    return 1"


@pytest.mark.usefixtures("made")
def test_a_rejected_answer_has_the_lines_of_the_chosen_one():
    (row,) = stdlib_chat.preference_rows("train")  # one line has no other order
    chosen, rejected = row.values["chosen"].split("\n"), row.values["rejected"].split("\n")
    assert rejected == [chosen[0], chosen[2], chosen[1]]
    assert row.values["prompt"].endswith("It stays.")


@pytest.mark.slow
def test_the_real_set_is_large_enough_to_learn_from():
    for split, least in (("train", 3000), ("validation", 150), ("test", 150)):
        rows = list(stdlib_chat.preference_rows(split))
        assert len(rows) > least
        assert rows == list(stdlib_chat.preference_rows(split))
    for row in rows:
        ast.parse(row.values["chosen"])
        assert Counter(row.values["chosen"].split()) == Counter(row.values["rejected"].split())
