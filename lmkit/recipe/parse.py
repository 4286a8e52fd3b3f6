"""YAML text to a checked recipe, and back."""

import io
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

from lmkit.errors import RecipeError
from lmkit.recipe.keys import sections
from lmkit.recipe.overrides import apply
from lmkit.recipe.problems import Problem, Spot, lines, shown
from lmkit.recipe.sections import Recipe
from lmkit.recipe.wording import explain
from lmkit.recipe.yaml_text import read_yaml

_WIDTH = 1_000_000  # characters a line may have: no value is folded


def parse_recipe(text: str, filename: str, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a text.

    Args:
        text: YAML 1.2.
        filename: what messages call the text.
        overrides: `KEY.PATH=VALUE`, made in order.

    Raises:
        RecipeError: with every problem there is.
    """
    tree = read_yaml(text)
    readable = not any(problem.path == () for problem in tree.problems)
    if readable and not isinstance(tree.value, dict):
        empty = tree.value is None
        found = "nothing" if empty else shown(tree.value)
        wanted = "allowed: a mapping with task, model, data, and others"
        tree.problems.append(
            Problem(tree.values.get((), Spot("", 1, 1)), (), f"found {found}; {wanted}")
        )
        readable = False
    tree = apply(tree if readable else tree._replace(value={}), overrides)
    if not readable:
        raise RecipeError(lines(tree.problems, filename))
    for name in sections():
        if name in tree.value and tree.value[name] is None:
            del tree.value[name]  # a heading whose keys are all commented out
    try:
        recipe = Recipe.model_validate(tree.value)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        raise RecipeError(lines([*tree.problems, *explain(errors, tree)], filename)) from None
    if tree.problems:
        raise RecipeError(lines(tree.problems, filename))
    return recipe


def dump_recipe(recipe: Recipe) -> str:
    """YAML with every default written out. `parse_recipe` reads an equal recipe from it."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # ruamel: "None or a bool"
    yaml.width = _WIDTH
    stream = io.StringIO()
    yaml.dump(recipe.model_dump(), stream)
    return stream.getvalue()


class _Representer(SafeRepresenter):
    """Writes what readers of YAML 1.1 read alike: "no" in quotes, 5.0e-05 with its point."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - no value is shared in a recipe
        return True

    def represent_text(self, data: str) -> ScalarNode:
        """Text, bare only where nothing can take it for something else."""
        bare = data.isidentifier() and data.isascii() and data.lower() not in _RESERVED
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=None if bare else '"')

    def represent_number(self, data: float) -> ScalarNode:
        """A number with a point in it."""
        text = repr(data)
        if "." not in text and "e" in text:
            text = text.replace("e", ".0e")
        text = text.replace("inf", ".inf").replace("nan", ".nan")
        return self.represent_scalar("tag:yaml.org,2002:float", text)


_RESERVED = frozenset(
    ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "inf", "nan")
)
_Representer.add_representer(str, _Representer.represent_text)
_Representer.add_representer(float, _Representer.represent_number)
