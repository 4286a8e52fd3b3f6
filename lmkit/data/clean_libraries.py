"""The libraries beneath some keys of `data.clean`: asked for early, loaded when they are used."""

import importlib
import importlib.util
from typing import Any

from lmkit.errors import MissingExtraError
from lmkit.recipe.cleaning import CleanSection


def check_libraries(section: CleanSection, *, filters: bool = True) -> None:
    """Say before anything is read that a library is absent.

    Args:
        section: What is asked for.
        filters: Whether those of the filters are needed too.

    Raises:
        MissingExtraError: names the key that needs it and the command that installs it.
    """
    wanted = []
    if section.stop_words not in (None, "en"):
        wanted.append(("data.clean.stop_words", "stopwordsiso"))
    if filters and section.language is not None:
        wanted.append(("data.clean.language", "py3langid"))
    if filters and section.duplicates == "near":
        wanted += [("data.clean.duplicates", name) for name in ("datasketch", "xxhash")]
    for key, module in wanted:
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(
                f'{key}: needs {module}, which is not installed: pip install "lmkit[clean]"'
            )


def library(module: str) -> Any:
    """A module that is only needed where a recipe asks for it."""
    return importlib.import_module(module)
