"""What an evaluation says to people and to programs."""

import json
import math

import pytest

from lmkit.commands.scoring_run import Evaluation


@pytest.fixture
def evaluation():
    return Evaluation(
        task="causal_lm",
        split="test",
        metrics={"loss": 710.0, "perplexity": math.inf, "bits_per_byte": 1.61234},
        intervals={"loss": (1.0, 2.0), "perplexity": (12345.678, math.inf)},
        baselines={"zlib": {"bits_per_byte": 2.14}},
        counts={"documents": 1, "rows": 1234},
        definition="what it means " * 12,
    )


def test_what_is_not_finite_is_null_in_json(evaluation):
    found = json.loads(json.dumps(evaluation.as_json(), allow_nan=False))
    assert found["metrics"] == {"loss": 710.0, "perplexity": None, "bits_per_byte": 1.61234}
    assert found["intervals"] == {"loss": [1.0, 2.0], "perplexity": [12345.678, None]}


def test_the_table_for_people(evaluation):
    lines = evaluation.table().splitlines()
    assert lines[:6] == [
        "metric            value  95 % interval",
        "loss           710.0000  1.0000 to 2.0000",
        "perplexity          inf  12,345.7 to inf",
        "bits_per_byte    1.6123  -",
        "baseline zlib: bits_per_byte 2.1400",
        "test: 1 document, 1,234 rows",
    ]
    assert all(len(line) <= 88 for line in lines)
    assert len(lines) == 8
