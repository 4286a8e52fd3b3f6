"""What an evaluation says to people and to programs."""

import dataclasses
import json
import math

import pytest

from lmkit.commands.scoring_run import Evaluation
from lmkit.commands.summary import class_lines
from lmkit.evaluation.verdict import verdict


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


def test_classes_and_the_verdict_are_told(evaluation):
    told = verdict("loss", False, {"loss": 1.5}, {}, {"unigram": {"loss": 3.0}})
    per_class = {"sea": {"f1": 0.5, "support": 1200}, "sky": {"f1": 0.25, "support": 3}}
    found = dataclasses.replace(evaluation, per_class=per_class, verdict=told)
    lines = found.table().splitlines()
    assert lines[5:9] == [
        "the model beats the best baseline (unigram: loss 3.0000) by 1.5000",
        "class         f1    support",
        "sea       0.5000      1,200",
        "sky       0.2500          3",
    ]
    written = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert written["per_class"] == per_class
    assert written["against_baselines"]["margin"] == 1.5
    assert {"per_class", "against_baselines"}.isdisjoint(evaluation.as_json())


def test_of_many_classes_the_weakest_are_told():
    lines = class_lines({f"c{number}": {"f1": 1 - number / 100} for number in range(50)})
    assert len(lines) == 21
    assert lines[0].startswith("the 20 weakest of 50")
    assert [line.split()[0] for line in lines[1:4]] == ["c49", "c48", "c47"]
    assert class_lines({}) == []
