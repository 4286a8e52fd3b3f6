"""Details of a masked model, from sums by hand."""

import pytest

from lmkit.details.masked_lm import details
from lmkit.recipe.options.masked_lm import MaskedLMOptions
from lmkit.tasks.masked_lm import MaskedLM


def test_documents_and_sources(scored, by_name):
    task = MaskedLM(MaskedLMOptions(name="masked_lm", block_size=8))
    rows = {
        "nll": [10.0, 6.0, 40.0, 9.0],
        "count": [6, 2, 8, 1],
        "correct": [3, 1, 0, 0],
        "document": [0, 0, 1, 2],
    }
    values = [{"text": "a", "source": "x"}, {"text": "b", "source": "y"}, {"text": "c"}]
    found = by_name(details(scored(task, rows, values)))
    sources = {row[0]: row for row in found["by_source"].rows}
    assert sources["x"][1:3] == [1, pytest.approx(2.0)]
    assert sources["x"][5] == pytest.approx(0.5)
    # one hidden token says too little
    assert found["most_surprising"].rows == [
        ["test.jsonl:2", 5.0, 8, "b"],
        ["test.jsonl:1", 2.0, 8, "a"],
    ]
