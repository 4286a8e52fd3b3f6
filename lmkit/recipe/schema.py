"""The JSON Schema of a recipe, by which editors complete and check keys."""

from typing import Any

from lmkit.recipe.sections import Recipe


def recipe_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of every key, with its description, type, bounds and default."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Recipe.model_json_schema(),
        "title": "lmkit recipe",
    }
