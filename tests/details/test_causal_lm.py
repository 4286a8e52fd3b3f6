"""Details of a left-to-right model, from sums by hand; by a model see commands/test_evaluate.py."""

import math

import numpy as np
import pytest

from lmkit.details.causal_lm import details
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.tasks.causal_lm import CausalLM


def rows_of(**more):
    return {
        "nll": [4.0, 2.0, 40.0, 3.0],
        "count": [4, 2, 5, 3],
        "document": [0, 0, 1, 2],
        "bytes": [40, 0, 50, 3],
        "context": [np.array([[9.0, 40.0], [4.0, 10.0]]), None, None, None],
        **more,
    }


@pytest.fixture
def task():
    return CausalLM(CausalLMOptions(name="causal_lm", block_size=8))


def test_documents_sources_and_context(task, scored, by_name):
    values = [
        {"text": "an old text", "source": "web"},
        {"text": "odd\ntext", "source": "book"},
        {"text": "a b", "source": "web"},
    ]
    found = by_name(details(scored(task, rows_of(), values)))
    assert found["loss_by_position"].rows == [[1, 9 / 4], [2, 4.0]]
    sources = {row[0]: row for row in found["by_source"].rows}
    assert sources["web"][1:3] == [2, pytest.approx(9 / 9)]
    assert sources["book"][1:3] == [1, pytest.approx(40 / 5)]
    assert sources["web"][5] == pytest.approx(9 / math.log(2) / 43)
    assert found["most_surprising"].rows == [
        ["test.jsonl:2", pytest.approx(40 / math.log(2) / 50), 50, "odd\ntext"],
        ["test.jsonl:1", pytest.approx(6 / math.log(2) / 40), 40, "an old text"],
    ]


def test_one_source_and_unknown_tokens(task, scored, by_name):
    values = [{"text": "x"}] * 3
    found = by_name(details(scored(task, rows_of(unknown=[1, 0, 0, 0]), values)))
    assert set(found) == {"loss_by_position", "by_length"}
