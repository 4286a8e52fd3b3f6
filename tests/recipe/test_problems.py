"""How a problem, a path and a value are shown."""

import math

import pytest

from lmkit.recipe.problems import Problem, Spot, dotted, lines, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("no", '"no"'),
        (True, "true"),
        (None, "null"),
        (5e-5, "5e-05"),
        (math.nan, ".nan"),
        (-math.inf, "-.inf"),
        ([1, 2], "a list of 2"),
        ({"a": 1}, "a mapping"),
        ("é", '"é"'),
        ("a\nb\x1b[31m", '"a\\nb\\u001b[31m"'),
        ("x" * 61, '"' + "x" * 60 + '..."'),
    ],
)
def test_a_value_is_shown_as_yaml_in_one_short_line(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_path() -> None:
    assert dotted(("data", "train", 0)) == "data.train.0"
    assert dotted(("a\nb", "")) == 'a\\nb.""'
    assert dotted(()) == "the recipe"


def test_lines_stand_in_the_order_of_the_file_and_overrides_follow() -> None:
    problems = [
        Problem(Spot("train.optim", 1, 1), ("train", "optim"), "train.optim: found 5"),
        Problem(Spot("", 12, 3), (), "c"),
        Problem(Spot("", 2, 9), (), "b"),
        Problem(Spot("", 2, 1), (), "a"),
        Problem(Spot("", 2, 1), (), "a"),
    ]
    assert lines(problems, "my.yaml") == [
        "my.yaml:2:1: a",
        "my.yaml:2:9: b",
        "my.yaml:12:3: c",
        "--set train.optim: found 5",
    ]
