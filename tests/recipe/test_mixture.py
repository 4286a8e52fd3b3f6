"""Entries of a mixture: what is refused, where, and in which words."""

import pytest

from lmkit.errors import RecipeError
from lmkit.recipe.mixture import MixturePart
from lmkit.recipe.parse import dump_recipe, parse_recipe
from lmkit.recipe.sections import Recipe

HEAD = "task: {name: causal_lm}\nmodel: {source: x}\n"


def parsed(data: str, *overrides: str) -> Recipe:
    return parse_recipe(f"{HEAD}data: {data}\n", "f.yaml", overrides)


def problems(data: str, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as raised:
        parsed(data, *overrides)
    return list(raised.value.problems)


def test_entries_of_every_kind() -> None:
    data = parsed(
        "{train: [{path: [a.txt, b/], weight: 7}, {dataset: stdlib, weight: 0.5}, "
        "{dataset: org/x, config: en, revision: v1, split: dev, weight: 1e-3}]}"
    ).data
    assert [part.weight for part in data.mixture] == [7, 0.5, 0.001]
    labels = [part.label() for part in data.mixture]
    assert labels == ["a.txt, b/", "stdlib", "org/x (dev)"]


def test_a_bare_path_is_an_entry_where_none_has_a_weight() -> None:
    parts = parsed("{train: [a.txt, {path: b.txt, repeat: 3}]}").data.mixture
    assert parts == [MixturePart(path="a.txt"), MixturePart(path="b.txt", repeat=3)]


@pytest.mark.parametrize("train", ["a.txt", "[a.txt, b.txt]"])
def test_paths_alone_are_no_mixture(train: str) -> None:
    assert parsed(f"{{train: {train}}}").data.mixture == []


def test_weights_by_number() -> None:
    text = "{train: [{path: a, weight: 1}, {path: b, weight: 1}]}"
    changed = parsed(text, "data.train.0.weight=2").data.mixture
    assert [part.weight for part in changed] == [2, 1]
    assert problems(text, "data.train.2.weight=2") == [
        '--set data.train.2.weight: data.train is a list: found item "2"; allowed: 0 to 1'
    ]
    assert problems(text, "data.train.0.weight=0") == [
        "--set data.train.0.weight: found 0; allowed: a number, more than 0, or null"
    ]


def test_the_resolved_recipe_reads_the_same() -> None:
    recipe = parsed("{train: [{path: a, weight: 0.7}, {dataset: stdlib, weight: 0.3}]}")
    assert parse_recipe(dump_recipe(recipe), "again.yaml") == recipe


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (
            "{train: [{path: a, weight: -1}]}",
            "3:34: data.train.0.weight: found -1; allowed: a number, more than 0, or null",
        ),
        (
            "{train: [{path: a, repeat: 0}]}",
            "3:34: data.train.0.repeat: found 0; allowed: a whole number, at least 1, or null",
        ),
        (
            "{train: [{path: a, weight: 1, repeat: 1}]}",
            "3:16: data.train.0: give `weight` or `repeat`, not both",
        ),
        ("{train: [{weight: 1}]}", "3:16: data.train.0: give either `path` or `dataset`"),
        (
            "{train: [{path: a, wieght: 1}]}",
            "3:26: data.train.0.wieght: unknown key; did you mean `weight`?",
        ),
        (
            "{train: [{path: a, split: dev}]}",
            "3:16: data.train.0: `split`: only with `dataset`",
        ),
        (
            "{train: [{dataset: stdlib, revision: v1}]}",
            "3:16: data.train.0: `revision`: only with a hub name in `dataset`",
        ),
        (
            "{train: [{dataset: org/x, format: csv}]}",
            "3:16: data.train.0: `format`: only with `path`",
        ),
        (
            "{train: [a.txt, {path: b, weight: 1}]}",
            "3:16: data.train.0: has no `weight`, but others have; give each one, or none (then "
            "each is read once an epoch, or `repeat` times)",
        ),
        (
            "{train: [{path: a}, 3]}",
            "3:27: data.train.1: found 3; allowed: text (not empty) or a mapping",
        ),
        (
            "{train: a, validation: [{path: b, weight: 1}]}",
            "3:30: data.validation: only `data.train` is mixed; name files here, all are scored "
            "once",
        ),
        (
            "{train: [{path: a}], dataset: stdlib}",
            "3:37: data.dataset: a mixture names its sets in its entries",
        ),
        (
            "{train: a, weight: 1}",
            "3:18: data.weight: unknown key; `weight` belongs in a mapping of the list "
            "`data.train`",
        ),
    ],
)
def test_what_is_refused(data: str, text: str) -> None:
    assert problems(data) == [f"f.yaml:{text}"]
