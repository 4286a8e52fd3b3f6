"""The JSON Schema that editors read."""

from collections.abc import Iterator
from typing import Any

import pytest

from lmkit.recipe.options import OPTIONS
from lmkit.recipe.schema import recipe_schema
from lmkit.recipe.train import OWN, TrainSection

SCHEMA = recipe_schema()


def properties() -> Iterator[tuple[str, dict[str, Any]]]:
    for section, node in [("", SCHEMA), *SCHEMA["$defs"].items()]:
        for key, property_ in node["properties"].items():
            yield f"{section}.{key}", property_


@pytest.mark.parametrize(("key", "node"), list(properties()), ids=lambda value: str(value)[:40])
def test_every_key_is_described(key: str, node: dict[str, Any]) -> None:
    assert len(node["description"]) > 8
    assert node["description"].rstrip().endswith(".")
    assert {"type", "anyOf", "enum", "const", "$ref", "oneOf"} & node.keys()


def test_every_section_is_strict() -> None:
    for node in (SCHEMA, *SCHEMA["$defs"].values()):
        assert node["additionalProperties"] is False
        assert node["description"]


def test_the_train_section_is_whole() -> None:
    train = SCHEMA["$defs"]["TrainSection"]["properties"]
    assert list(train) == list(TrainSection.model_fields)
    assert set(OWN) <= set(train)
    assert {"type": "null"} in train["save_total_limit"]["anyOf"]
    assert train["save_total_limit"]["default"] == 3
    assert "muon" in train["optim"]["enum"]


def test_the_task_is_told_apart_by_its_name() -> None:
    task = SCHEMA["properties"]["task"]
    assert task["discriminator"]["propertyName"] == "name"
    assert set(task["discriminator"]["mapping"]) == set(OPTIONS)
    assert SCHEMA["required"] == ["task", "model", "data"]
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
