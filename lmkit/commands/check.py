"""`lmkit recipes check --full`: hold a recipe against its data and model, on a sample."""

from lmkit.commands.look import piped_aside, sampled
from lmkit.models.libraries import quiet_libraries
from lmkit.recipe.sections import Recipe


def check_full(recipe: Recipe) -> None:
    """Read the data, make the tokenizer and the model, and encode about a megabyte of text.

    Nothing is written, and nothing is trained but a tokenizer on that sample.

    Raises:
        LmkitError: what would stop a run before its first step.
    """
    quiet_libraries()
    with piped_aside(recipe) as placed, sampled(placed):
        return
