"""Numbers and small values in words."""

import math

import pytest

from lmkit.reports.numbers import cut, figure, flat, number, with_interval


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "-"),
        (True, "yes"),
        (1234567, "1,234,567"),
        (10**400, "nan"),
        (0.41078838, "0.4108"),
        (12345.678, "12,345.7"),
        (2.0, "2"),
        (0.00001234, "1.234e-05"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        ("text", "text"),
    ],
)
def test_figures(value: object, told: str) -> None:
    assert figure(value) == told


def test_a_long_text_is_cut_and_says_so() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("a" * 1005, 1000) == "a" * 1000 + "\N{HORIZONTAL ELLIPSIS} (5 more characters)"


def test_nested_values_have_paths() -> None:
    value = {"a": {"b": 1, "c": []}, "d": [{"e": 0.5}, {"e": None}], "f": ["x", 2]}
    assert flat(value) == [
        ("a.b", "1"),
        ("a.c", ""),
        ("d.0.e", "0.5000"),
        ("d.1.e", "-"),
        ("f", "x, 2"),
    ]


def test_what_is_no_number_is_nan() -> None:
    assert number(3) == 3.0
    for value in ("3", True, None, math.inf, 10**400):
        assert math.isnan(number(value))


def test_an_interval_stands_behind_its_number() -> None:
    assert with_interval(0.5, [0.4, None]) == "0.5000 [0.4000, -]"
    assert with_interval(None, None) == "-"
