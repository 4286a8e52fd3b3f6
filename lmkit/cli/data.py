"""`lmkit data`: the token cache, and filling it ahead of a run."""

import typer

from lmkit.cli.options import Json, Overrides, Quiet, RecipeArgument

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Prepare data; see the cache.")
cache = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List or clear the cache.")
app.add_typer(cache, name="cache")


@app.command()
def prepare(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    as_json: Json = False,
    quiet: Quiet = False,  # noqa: ARG001 - acts when it is read
) -> None:
    """Tokenize the data of a recipe into the cache, as a run would before its first step."""
    from lmkit.commands.data import prepare
    from lmkit.recipe.load import load_recipe

    prepare(load_recipe(recipe, overrides or ()), as_json=as_json)


@cache.command("list")
def list_(as_json: Json = False) -> None:
    """What the token cache holds, and how large it is."""
    from lmkit.commands.data import list_cache

    list_cache(as_json=as_json)


@cache.command()
def clear() -> None:
    """Delete everything in the token cache, without asking."""
    from lmkit.commands.data import clear_cache

    clear_cache()
