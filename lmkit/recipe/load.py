"""From what is typed, a name or a path, to a checked recipe: the one way in."""

import stat
from collections.abc import Sequence
from pathlib import Path

from lmkit.errors import RecipeError
from lmkit.recipe import catalog
from lmkit.recipe.nearest import nearest
from lmkit.recipe.parse import dump_recipe, parse_recipe
from lmkit.recipe.sections import Recipe

__all__ = ["dump_recipe", "load_recipe", "parse_recipe"]

MAX_BYTES = 1 << 20  # of a recipe file; a larger one is something else, such as the data


def load_recipe(
    name_or_path: str, overrides: Sequence[str] = (), output: str | None = None
) -> Recipe:
    """The recipe of a packaged name or a YAML file, with overrides made and checked.

    Args:
        name_or_path: `gpt2-stdlib`, or `my.yaml`. A packaged name goes before a file of that name.
        overrides: `KEY.PATH=VALUE`, made in order.
        output: the run folder, which goes before the recipe's `output_dir`.

    Returns:
        What the user wrote; `output_dir` is `runs/<recipe name>` where it says nothing.

    Raises:
        RecipeError: with every problem there is.
    """
    if output == "":
        raise RecipeError(['--set output_dir: found ""; allowed: a folder'])
    path = locate(name_or_path)
    recipe = parse_recipe(read_text(path), str(path), overrides)
    if output is None and recipe.output_dir is not None:
        return recipe
    return recipe.model_copy(update={"output_dir": output or f"runs/{path.stem}"})


def locate(name_or_path: str) -> Path:
    """The file that is meant.

    Raises:
        RecipeError: there is none; names the nearest packaged recipe or file.
    """
    packaged = catalog.recipes()
    if name_or_path in packaged:
        return packaged[name_or_path]
    path = Path(name_or_path)
    try:
        exists = bool(name_or_path) and path.exists()
    except (OSError, ValueError) as error:  # a name no file can have, a folder one may not enter
        raise RecipeError([f"{name_or_path}: {_reason(error)}"]) from None
    if exists:
        return path
    beside = path.parent.glob("*.y*ml") if path.parent.is_dir() else iter(())
    found = {recipe: recipe for recipe in packaged} | {file.name: str(file) for file in beside}
    near = nearest(path.name, found) or nearest(path.stem, packaged)
    hint = f"did you mean `{found[near]}`?" if near else "`lmkit recipes list` shows what there is"
    raise RecipeError([f"{name_or_path}: no packaged recipe and no file of that name; {hint}"])


def read_text(path: Path) -> str:
    """The text of a recipe file.

    Raises:
        RecipeError: not a file, not readable, too large, or not UTF-8.
    """
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            inner = path / "recipe.yaml"
            hint = f"; its recipe is {inner}" if inner.is_file() else "; a YAML file is needed"
            raise RecipeError([f"{path}: is a folder{hint}"])
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise RecipeError([f"{path}: {_reason(error)}"]) from None
    if len(content) > MAX_BYTES:
        raise RecipeError([f"{path}: more than {MAX_BYTES:,} bytes; a recipe is not that large"])
    return decode(content, str(path))


def decode(content: bytes, filename: str) -> str:
    """UTF-8, with or without a byte order mark.

    Raises:
        RecipeError: names the first byte that is wrong.
    """
    if (zero := content.find(b"\0")) >= 0:
        where = _place(content[:zero])
        raise RecipeError([f"{filename}:{where}: byte {zero} is 0: a binary file, not a recipe"])
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        found = f"byte {error.start} (0x{content[error.start]:02x}) is not UTF-8"
        raise RecipeError([f"{filename}:{_place(content[: error.start])}: {found}"]) from None


def _place(before: bytes) -> str:
    """LINE:COLUMN of what follows some bytes."""
    line = before.rpartition(b"\n")[2].decode("utf-8", errors="replace").removeprefix("\ufeff")
    return f"{before.count(10) + 1}:{len(line) + 1}"


def _reason(error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"cannot be read: {reason}"
