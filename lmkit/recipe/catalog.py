"""The packaged recipes: `recipes/` of a checkout, `lmkit/_recipes` in a wheel.

A recipe opens with the command that runs it, a line for the editor, and facts for the table:

    # lmkit pretrain gpt2-stdlib
    # yaml-language-server: $schema=...
    # Size: 3.4M parameters
    # Needs: 2 CPU cores
    # Minutes: 5
"""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

from lmkit.errors import RecipeError, UsageError
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.parse import parse_recipe

_FACT = re.compile(r"#\s*(Size|Needs|Minutes):\s*(.*\S)\s*")


class Summary(NamedTuple):
    """A packaged recipe in one row of the table."""

    name: str
    """What to type after the command."""
    task: str
    """`task.name`."""
    model: str
    """`model.source`, else `model.architecture`."""
    size: str
    """Parameters, in words; "" where the header says nothing."""
    needs: str
    """The hardware it is meant for, in words."""
    minutes: str
    """About how long it trains there."""


def folder() -> Path:
    """The folder of the packaged recipes.

    Raises:
        RecipeError: neither a wheel's nor a checkout's is there.
    """
    package = Path(__file__).parents[1]
    for candidate in (package / "_recipes", package.parent / "recipes"):
        if candidate.is_dir():
            return candidate
    raise RecipeError([f"{package}: the packaged recipes are missing; install lmkit anew"])


def recipes() -> dict[str, Path]:
    """Every packaged recipe by its name, in the order of the names."""
    return dict(sorted((path.stem, path) for path in folder().glob("*/*.yaml")))


def find(name: str) -> Path:
    """The file of a packaged recipe.

    Raises:
        RecipeError: there is none of that name; names the nearest.
    """
    packaged = recipes()
    if name not in packaged:
        hint = did_you_mean(name, packaged) or f"; packaged: {', '.join(packaged)}"
        raise RecipeError([f"{name}: no packaged recipe of that name{hint}"])
    return packaged[name]


def summary(name: str) -> Summary:
    """The row of a packaged recipe.

    Raises:
        RecipeError: there is none of that name, or it is wrong.
    """
    path = find(name)
    text = path.read_text(encoding="utf-8")
    recipe = parse_recipe(text, str(path))
    facts = _facts(text)
    return Summary(
        name=name,
        task=recipe.task.name,
        model=recipe.model.source or recipe.model.architecture or "",
        size=facts.get("Size", ""),
        needs=facts.get("Needs", ""),
        minutes=facts.get("Minutes", ""),
    )


def copy(name: str, target: Path | None = None) -> Path:
    """Write a packaged recipe, comments and all, to a file of one's own.

    Args:
        name: the packaged recipe.
        target: a file, or a folder to put NAME.yaml in; left out, the working directory.

    Returns:
        The new file.

    Raises:
        RecipeError: there is none of that name.
        UsageError: the file exists, or its folder does not or may not be written.
    """
    source = find(name)
    path = target if target is not None else Path()
    if path.is_dir():
        path = path / source.name
    try:
        with source.open("rb") as reader, path.open("xb") as writer:
            shutil.copyfileobj(reader, writer)
    except FileExistsError:
        raise UsageError(f"{path}: exists; name another file, or remove it first") from None
    except FileNotFoundError:
        raise UsageError(f"{path}: the folder {path.parent} does not exist") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def _facts(text: str) -> dict[str, str]:
    """The facts of the comment that opens a recipe."""
    facts = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if match := _FACT.fullmatch(line):
            facts[match.group(1)] = match.group(2)
    return facts
