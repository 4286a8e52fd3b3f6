"""Texts to recipes and back; whatever is written, a recipe or a `RecipeError`."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lmkit.errors import RecipeError
from lmkit.recipe.parse import dump_recipe, parse_recipe
from lmkit.recipe.sections import Recipe
from lmkit.recipe.train import TrainSection

TEXT = """\
# lmkit pretrain x
task:
  name: masked_lm   # the task
  block_size: 128
model:
  architecture: bert
  config: {hidden_size: 32, initializer_range: 2e-2, list: [1, 2.5, "1e5", no]}
tokenizer:
  train:
    type: wordpiece
    vocab_size: 1_000
data:
  train: [a.txt, "b.txt"]
  validation: x/*.txt
train:
  learning_rate: 5e-4
  max_steps: 1e2
  eval_strategy: no
  run_name: |
    two
    lines
"""


def test_a_recipe_is_read() -> None:
    recipe = parse_recipe(TEXT, "f.yaml", ["train.learning_rate=1", "data.train.1=c.txt"])
    assert recipe.model.config == {
        "hidden_size": 32,
        "initializer_range": 0.02,
        "list": [1, 2.5, "1e5", "no"],
    }
    assert recipe.data.train == ["a.txt", "c.txt"]
    assert recipe.train.learning_rate == 1.0
    assert recipe.train.max_steps == 100
    assert recipe.train.eval_strategy == "no"
    assert recipe.train.run_name == "two\nlines\n"
    assert recipe.output_dir is None


def test_a_heading_without_keys_is_as_if_left_out() -> None:
    text = "task: {name: causal_lm}\nmodel: {source: x}\ndata: {dataset: stdlib}\n"
    assert parse_recipe(f"{text}train:\ntokenizer:\n", "f") == parse_recipe(text, "f")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "1:1: found nothing"),
        ("# nothing\n", "1:1: found nothing"),
        ("---\n...\n", "2:1: found nothing"),
        ("\n- a\n", "2:1: found a list of 1"),
        (" word", '1:2: found "word"'),
        ("5", "1:1: found 5"),
    ],
)
def test_what_is_no_recipe_at_all(text: str, found: str) -> None:
    with pytest.raises(RecipeError) as raised:
        parse_recipe(text, "f.yaml", ["nonsense"])
    assert raised.value.problems[1] == '--set nonsense: found "nonsense"; allowed: KEY.PATH=VALUE'
    assert raised.value.problems[0] == (
        f"f.yaml:{found}; allowed: a mapping with task, model, data, and others"
    )


def test_a_syntax_error_is_told_alone_with_those_of_the_overrides() -> None:
    with pytest.raises(RecipeError) as raised:
        parse_recipe("task: [\n", "f.yaml", ["train.seed='", "data.x=1"])
    assert [problem.partition(": ")[0] for problem in raised.value.problems] == [
        "f.yaml:2:1",
        "--set train.seed",
    ]


def test_a_dump_names_every_key_and_loads_back() -> None:
    recipe = parse_recipe(TEXT, "f.yaml")
    text = dump_recipe(recipe)
    assert parse_recipe(text, "g.yaml") == recipe
    for key in TrainSection.model_fields:
        assert f"\n  {key}: " in text
    assert "\n  learning_rate: 0.0005\n" in text
    assert "\n  adam_epsilon: 1.0e-08\n" in text
    assert '\n  eval_strategy: "no"\n' in text
    assert [line[:-1] for line in text.splitlines() if line.endswith(":") and line[0] != " "] == [
        "task",
        "model",
        "tokenizer",
        "data",
        "train",
        "cost",
    ]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]) | st.sampled_from("\n\t")),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(categories=["L", "N", "P"])), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.text("abc_.-: "), PLAIN, max_size=4))
def test_any_plain_value_survives_dump_and_load(config: dict[str, Any]) -> None:
    data = {
        "task": {"name": "causal_lm"},
        "model": {"source": "x", "config": config},
        "data": {"dataset": "stdlib"},
    }
    recipe = Recipe.model_validate(data)
    again = parse_recipe(dump_recipe(recipe), "f.yaml")
    assert repr(again) == repr(recipe)  # unlike ==, tells 1 from 1.0 and from true


def recipe_or_problems(text: str, overrides: Sequence[str] = ()) -> None:
    """Whatever the text: a recipe that survives a dump, or lines of problems."""
    try:
        recipe, problems = parse_recipe(text, "f.yaml", overrides), []
    except RecipeError as error:
        recipe, problems = None, error.problems
    for problem in problems:
        assert problem.startswith(("f.yaml:", "--set "))
        assert "\n" not in problem
    if recipe is None:
        assert problems
    else:
        assert parse_recipe(dump_recipe(recipe), "g.yaml") == recipe


PIECES = st.sampled_from(
    [*"{}[]:,-?*&!|>'\"%@`#\t\n <~.=_09ae\\\r\x85\u2028\ufeff\0é", "<<: ", "!!int ", "!!set ",
     "&a ", "*a", "---\n", "...\n", "%YAML 1.2\n", "%TAG ! x\n", "? ", ": ", "- ", "|+3\n", "null",
     "1e5", ".inf", "\\x", "\\UFFFFFFFF", "2001-99-99", "0x", "name", "train", "seed"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=80))
def test_random_text(text: str) -> None:
    recipe_or_problems(text)


@given(
    st.lists(
        st.tuples(st.integers(0, len(TEXT)), st.integers(0, 20), PIECES), min_size=1, max_size=4
    )
)
def test_a_recipe_with_slips_of_the_pen(changes: list[tuple[int, int, str]]) -> None:
    text = TEXT
    for start, length, piece in changes:
        text = text[:start] + piece + text[start + length :]
    recipe_or_problems(text)


@given(st.dictionaries(st.sampled_from(sorted(TrainSection.model_fields)), PLAIN, max_size=5))
def test_any_value_for_any_key(train: dict[str, Any]) -> None:
    base = json.dumps({"task": {"name": "causal_lm"}, "model": {"source": "x"}})[:-1]
    recipe_or_problems(f'{base}, "data": {{"dataset": "stdlib"}}, "train": {json.dumps(train)}}}')


@given(
    st.text(st.sampled_from("tasknmerin.0=") | st.characters(), max_size=30)
    | st.builds("{}={}".format, st.sampled_from(["task.name", "data.train.0", "train"]), st.text())
)
def test_random_overrides(override: str) -> None:
    recipe_or_problems(TEXT, [override])


def test_sections_are_strict_from_python_too() -> None:
    with pytest.raises(ValidationError):
        TrainSection.model_validate({"learning_rate": "1e-4"})


def test_a_recipe_loads_without_the_heavy_libraries() -> None:
    code = (
        "import sys; from lmkit.recipe.load import load_recipe, parse_recipe\n"
        f"parse_recipe({TEXT!r}, 'f.yaml')\n"
        "heavy = {'torch', 'transformers', 'datasets', 'accelerate', 'numpy', 'rich', 'typer'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
