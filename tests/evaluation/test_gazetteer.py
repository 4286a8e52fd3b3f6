"""The list of names, and the commonest tag."""

import math

import pytest

from lmkit.evaluation.gazetteer import Gazetteer, entity_baselines
from lmkit.evaluation.tagging import TagSet, tag_names

TAGS = TagSet(tag_names(["loc", "org"]))
LEARNED = [
    (["New", "York", "is", "big"], ["B-loc", "I-loc", "O", "O"]),
    (["New", "York", "Times", "and", "York"], ["B-org", "I-org", "I-org", "O", "B-loc"]),
    (["New", "York", "Times"], ["B-org", "I-org", "I-org"]),
    (["York", ",", "York"], ["B-org", "O", "B-loc"]),
]


def test_the_longest_name_is_taken_from_left_to_right():
    names = Gazetteer(TAGS, LEARNED)
    for text, tags in (
        ("the New York Times New York Post", "O B-org I-org I-org B-loc I-loc O"),
        ("New York New York Times", "B-loc I-loc B-org I-org I-org"),
        ("York York", "B-loc B-loc"),
        ("New new york", "O O O"),
        ("", ""),
    ):
        assert [TAGS.names[tag] for tag in names.tag(text.split())] == tags.split()


def test_baselines():
    asked = [
        (["in", "New", "York", "Times"], ["O", "B-org", "I-org", "I-org"]),
        (["Rome"], ["B-loc"]),
    ]
    found = entity_baselines(TAGS, LEARNED, asked)
    assert found["gazetteer"] == {
        "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "accuracy": 0.8,
        "f1_loc": 0.0, "f1_org": 1.0,
    }  # fmt: skip
    # tags learned: O 4, B-loc 3, I-loc 1, B-org 3, I-org 4; each one more, over 15 + 5
    shares = {"O": 5, "B-org": 4, "I-org": 5, "B-loc": 4}
    nll = -sum(math.log(shares[tag] / 20) for _, tags in asked for tag in tags)
    assert found["majority"] == {"loss": pytest.approx(nll / 5), "accuracy": 0.2}
