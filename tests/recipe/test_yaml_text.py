"""What a text is read as, checked against YAML 1.2's own words, and where its problems are."""

import itertools
import math
from typing import Any

import pytest

from lmkit.recipe.problems import Spot
from lmkit.recipe.yaml_text import MAX_DEPTH, MAX_VALUES, read_yaml


def problems(text: str) -> list[str]:
    return [f"{p.spot.line}:{p.spot.column}: {p.text}" for p in read_yaml(text).problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-5", 5e-5),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-1.", -1.0),
        (".inf", math.inf),
        ("1e400", math.inf),
        ("12", 12),
        ("+3", 3),
        ("1_000", 1000),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("0b11", 3),
        ("no", "no"),
        ("Yes", "Yes"),
        ("off", "off"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("# only a comment", None),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("[1, [a], {b: c}]", [1, ["a"], {"b": "c"}]),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("x: &x {b: 1, d: 1}\nc: {<<: *x, d: 2}", {"x": {"b": 1, "d": 1}, "c": {"d": 2, "b": 1}}),
        ("c: {<<: [{a: 1}, {a: 2, b: 2}]}", {"c": {"a": 1, "b": 2}}),
        ("[&a 1, &a 2, *a]", [1, 2, 2]),
        ("'<<': 1", {"<<": 1}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ("%YAML 1.2\n---\na: 1", {"a": 1}),
        ("C:\\data", "C:\\data"),
        ("momentum=0.9", "momentum=0.9"),
    ],
)
def test_values(text: str, value: Any) -> None:
    tree = read_yaml(text)
    assert tree.problems == []
    assert tree.value == value
    assert type(tree.value) is type(value)


def test_not_a_number_is_read() -> None:
    assert math.isnan(read_yaml(".nan").value)


def test_places_count_from_one_in_characters() -> None:
    tree = read_yaml("# é\ntrain:\n  'é': 5\n  b: [1,\n   2]\n")
    assert tree.keys[("train",)] == Spot("", 2, 1)
    assert tree.keys[("train", "é")] == Spot("", 3, 3)
    assert tree.values[("train", "é")] == Spot("", 3, 8)
    assert tree.values[("train", "b", 1)] == Spot("", 5, 4)


def test_places_within_an_override_are_the_override() -> None:
    tree = read_yaml("{a: [1]}", override="model.config")
    assert {spot.override for spot in tree.values.values()} == {"model.config"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a:\n\tb: 1", "2:1: found a tab; YAML is indented with spaces"),
        ("a: *b", "1:4: found an alias that no anchor (`&`) defines; write the value in quotes"),
        ("a: 1\n---\nb: 2", "2:1: a second document begins here; a recipe is one document"),
        ("a: @b", "1:4: not YAML: while scanning for the next token: found character '@'"),
        ("a: b: c", "1:5: not YAML: mapping values are not allowed here"),
        ("a: 'b", "1:6: not YAML: while scanning a quoted scalar: found unexpected end of stream"),
        ("b: 1\na: \x07", "2:4: the character U+0007 is not allowed in YAML; is this a text file?"),
        ("a: \ud800", "1:4: the character U+D800 is not allowed in YAML; is this a text file?"),
        (
            "%YAML 1.1\n---\na: no",
            "1:1: found %YAML 1.1; recipes are YAML 1.2 (leave the line out)",
        ),
        ('a: "\\UFFFFFFFF"', "1:1: not YAML: OverflowError: "),
        ("a: &a [*a]", "1:4: an alias that holds itself"),
        ("a: &a {<<: *a}", "1:4: an alias that holds itself"),
        ("a: {<<: 3}", "1:9: `<<` takes a mapping or a list of them"),
        ("a: !!int x", '1:4: found "x"; not a whole number of less than 4,300 digits'),
        ("a: !!float x", '1:4: found "x"; not a number'),
        ("a: !!bool maybe", '1:4: found "maybe"; not true or false'),
        ("a: " + "9" * 5000, "1:4: found"),
        ("a: 9223372036854775808", "1:4: a whole number of more than 64 bits"),
        ("a: !!binary aGk=", "1:4: the tag !!binary is not allowed; recipes hold plain values"),
        ("a: !!set {b}", "1:4: the tag !!set is not allowed; recipes hold plain values"),
        ("a: !b [1]", "1:4: the tag !b is not allowed; recipes hold plain values"),
        ("a: 1\n5: 2", "2:1: found the key 5; a key is text (write it in quotes)"),
        ("? [a]\n: 2", "1:3: found the key [...]; a key is text (write it in quotes)"),
        ("~: 2", "1:1: found the key ~; a key is text (write it in quotes)"),
        ("[" * 1_000, f"1:1: nested deeper than {MAX_DEPTH} levels"),
        ("[" * 60 + "]" * 60, f"1:{MAX_DEPTH + 2}: nested deeper than {MAX_DEPTH} levels"),
    ],
)
def test_problems_have_their_place(text: str, problem: str) -> None:
    (found,) = problems(text)
    assert found.startswith(problem)


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!python/name:os.system"])
def test_nothing_is_constructed_by_a_tag(tag: str) -> None:
    tree = read_yaml(f"a: {tag} [echo]")
    assert tree.value == {"a": None}
    assert tree.problems[0].text == f"the tag {tag} is not allowed; recipes hold plain values"


def test_all_problems_are_found_at_once() -> None:
    assert problems("a: 1\na: 2\nb: {c: !x 1, c: 3, 4: 5}\nb: 1") == [
        '2:1: the key "a" is given twice, first in line 1',
        "3:8: the tag !x is not allowed; recipes hold plain values",
        '3:14: the key "c" is given twice, first in line 3',
        "3:20: found the key 4; a key is text (write it in quotes)",
        '4:1: the key "b" is given twice, first in line 3',
    ]


@pytest.mark.parametrize("merge", [False, True])
def test_aliases_do_not_multiply_without_bound(merge: bool) -> None:
    names = "abcdefghij"
    lines = ["a: &a " + ("{x: 1}" if merge else "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]")]
    for before, after in itertools.pairwise(names):
        aliases = ", ".join([f"*{before}"] * 10)
        lines.append(f"{after}: &{after} " + (f"{{<<: [{aliases}]}}" if merge else f"[{aliases}]"))
    found = read_yaml("\n".join(lines)).problems
    assert len(found) == 1
    assert f"more than {MAX_VALUES:,} values" in found[0].text
