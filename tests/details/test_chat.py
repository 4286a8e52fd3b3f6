"""Details of conversations."""

import numpy as np

from lmkit.data.answers import Answers
from lmkit.details.chat import details
from lmkit.recipe.options.chat import ChatOptions
from lmkit.tasks.chat import Chat


def turns(question, answer):
    return {
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    }


def test_the_most_surprising_and_rows_that_were_left_out(scored, by_name):
    values = [turns("a", "b"), turns("left", "out"), turns("why", "so")]
    examples = Answers(
        np.zeros(9, np.uint32), np.zeros(9, bool), np.array([0, 4, 9]), 0, 1, places=(0, 2)
    )
    rows = {"nll": [2.0, 9.0], "count": [2, 3]}
    task = Chat(ChatOptions(name="chat"))
    found = by_name(details(scored(task, rows, values, examples=examples)))
    assert found["most_surprising"].rows == [
        ["test.jsonl:3", 3.0, 3, "why", "so"],
        ["test.jsonl:1", 1.0, 2, "a", "b"],
    ]
    assert [row[:3] for row in found["by_length"].rows] == [["3", 1, 1.0], ["4", 1, 3.0]]
