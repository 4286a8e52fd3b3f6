"""Every packaged recipe: it loads, it opens with its command, and it survives a dump."""

import json
import re
import shlex
from pathlib import Path

import pytest

from lmkit.recipe import catalog
from lmkit.recipe.load import load_recipe
from lmkit.recipe.parse import dump_recipe, parse_recipe
from lmkit.recipe.schema import recipe_schema

RECIPES = catalog.recipes()
SCHEMA = Path(__file__).parents[1] / "docs" / "recipe.schema.json"


@pytest.fixture(params=RECIPES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def lines(name: str) -> list[str]:
    return RECIPES[name].read_text(encoding="utf-8").splitlines()


def test_no_name_is_taken_twice() -> None:
    assert len(list(catalog.folder().rglob("*.yaml"))) == len(RECIPES)


def test_it_loads(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.output_dir == f"runs/{name}"


def test_line_one_is_its_command(name: str) -> None:
    """`# lmkit VERB NAME`, and the overrides without which it needs a user's own file."""
    words = shlex.split(lines(name)[0])
    assert words[:4] == ["#", "lmkit", RECIPES[name].parent.name, name]
    options, overrides = words[4::2], words[5::2]
    assert set(options) <= {"--set"}
    assert len(options) == len(overrides)
    load_recipe(name, overrides)


def test_its_command_takes_its_task(name: str) -> None:
    verb = RECIPES[name].parent.name
    assert verb in ("pretrain", "finetune")
    assert verb == "finetune" or load_recipe(name).task.verb == "pretrain"


def test_an_editor_finds_its_schema(name: str) -> None:
    assert re.fullmatch(
        rf"# yaml-language-server: \$schema=https://\S+/{SCHEMA.name}", lines(name)[1]
    )


def test_the_published_schema_is_the_code_s() -> None:
    published = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert published == recipe_schema(), "lmkit recipes schema > docs/recipe.schema.json"


def test_its_facts_are_told(name: str) -> None:
    summary = catalog.summary(name)
    assert all(summary), summary
    assert float(summary.minutes.replace(",", "").split()[0]) > 0


def test_it_survives_a_dump(name: str) -> None:
    recipe = load_recipe(name)
    assert parse_recipe(dump_recipe(recipe), "dump.yaml") == recipe
