"""`--set`: what it does, and what it refuses."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.recipe.overrides import apply
from lmkit.recipe.yaml_text import Tree, read_yaml

TEXT = "task: {name: causal_lm}\ntrain:\ndata: {train: [a, {path: b}]}\n"


def change(*overrides: str) -> Tree:
    return apply(read_yaml(TEXT), overrides)


def value(*overrides: str) -> Any:
    tree = change(*overrides)
    assert tree.problems == []
    return tree.value


def test_values_are_yaml() -> None:
    train = value(
        "train.a=5e-4", "train.b=no", "train.c=[1, x]", "train.d=", "train.e=x=1,y=2", "train.f='5'"
    )["train"]
    assert train == {"a": 5e-4, "b": "no", "c": [1, "x"], "d": None, "e": "x=1,y=2", "f": "5"}


def test_a_lone_dash_is_standard_input() -> None:
    assert value("data.train=-", "data.test= - ")["data"] == {"train": "-", "test": "-"}
    assert value("data.train=- a")["data"]["train"] == ["a"]


def test_mappings_are_made_on_the_way_and_the_last_one_wins() -> None:
    changed = value("tokenizer.train.type=bpe", "tokenizer.train.type=byte")
    assert changed["tokenizer"] == {"train": {"type": "byte"}}


def test_items_of_lists_go_by_number() -> None:
    assert value("data.train.0=c", "data.train.1.weight=2")["data"]["train"] == [
        "c",
        {"path": "b", "weight": 2},
    ]


@pytest.mark.parametrize(
    ("override", "key", "problem"),
    [
        ("task.name.x=1", "task.name.x", 'task.name is "causal_lm", which has no keys'),
        ("data.train.2=c", "data.train.2", 'data.train is a list: found item "2"; allowed: 0 to 1'),
        ("data.train.x=c", "data.train.x", 'data.train is a list: found item "x"; allowed: 0 to 1'),
        (
            "data.train.-1=c",
            "data.train.-1",
            'data.train is a list: found item "-1"; allowed: 0 to 1',
        ),
        ("train.seed", "train.seed", 'found "train.seed"; allowed: KEY.PATH=VALUE'),
        ("=1", "=1", 'found "=1"; allowed: KEY.PATH=VALUE'),
        ("a..b=1", "a..b", 'found "a..b=1"; allowed: KEY.PATH=VALUE'),
        ("train.x='a", "train.x", "not YAML: while scanning a quoted scalar: found unexpected end"),
        ("train.x=!y 1", "train.x", "the tag !y is not allowed; recipes hold plain values"),
        ("data.train=*.txt", "data.train", "found an alias that no anchor (`&`) defines"),
    ],
)
def test_what_cannot_be_set(override: str, key: str, problem: str) -> None:
    before = read_yaml(TEXT).value
    tree = change(override)
    (found,) = tree.problems
    assert found.spot.override == key
    assert found.text.startswith(problem)
    assert tree.value["task"] == before["task"]


def test_an_empty_list_has_no_items() -> None:
    tree = apply(read_yaml("a: []"), ["a.0=1"])
    assert tree.problems[0].text == ('a is a list: found item "0"; allowed: none, for it is empty')


def test_places_are_those_of_what_was_set() -> None:
    tree = change("train.seed=1", "data.train=x")
    assert tree.values[("train", "seed")].override == "train.seed"
    assert tree.values[("data", "train")].override == "data.train"
    assert ("data", "train", 0) not in tree.values
    assert tree.values[("task", "name")].line == 1


def test_a_problem_of_the_file_is_mended_by_an_override() -> None:
    tree = apply(read_yaml("a: !x 1\nb: !x 1"), ["a=2"])
    assert [problem.path for problem in tree.problems] == [("b",)]
    assert tree.value["a"] == 2


KEYS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4)


@given(st.lists(st.tuples(KEYS, st.integers(0, 9)), max_size=6))
def test_setting_is_what_assigning_is(changes: list[tuple[list[str], int]]) -> None:
    expected: dict[str, Any] = {}
    possible = True
    for keys, number in changes:
        before, inner = copy.deepcopy(expected), expected
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                expected, possible = before, False
                break
        else:
            inner[keys[-1]] = number
    tree = apply(read_yaml("{}"), [f"{'.'.join(keys)}={number}" for keys, number in changes])
    assert (tree.problems == []) == possible
    if possible:
        assert tree.value == expected
