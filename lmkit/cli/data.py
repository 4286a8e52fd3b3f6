"""`lmkit data`: the token cache, and filling it ahead of a run."""

from typing import Annotated

import typer

from lmkit.cli.options import Json, Overrides, Quiet, RecipeArgument

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Prepare data; see the cache.")
cache = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List or clear the cache.")
app.add_typer(cache, name="cache")


@app.command()
def prepare(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare every hash of what is there; prepare nothing.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Make share I of N, on one of N machines."),
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Join the shares that N machines have made.")
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Where shares are: a folder or URL (s3://, gs://, ...); by default the cache.",
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,  # noqa: ARG001 - acts when it is read
) -> None:
    """Tokenize the data of a recipe into the cache, as a run would before its first step."""
    from lmkit.commands.data import PrepareOptions, prepare
    from lmkit.recipe.load import load_recipe

    options = PrepareOptions(as_json, verify, shard, merge, output)
    prepare(load_recipe(recipe, overrides or ()), options)


@app.command()
def inspect(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    sample: Annotated[
        int, typer.Option("--sample", metavar="N", min=0, help="Show N rows of each split too.")
    ] = 0,
    as_json: Json = False,
    quiet: Quiet = False,  # noqa: ARG001 - acts when it is read
) -> None:
    """What the data of a recipe are like, what is wrong with them, and what to do."""
    from lmkit.commands.inspect import inspect
    from lmkit.recipe.load import load_recipe

    inspect(load_recipe(recipe, overrides or ()), as_json=as_json, sample=sample)


@app.command()
def tokenizer(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            "--beside", metavar="DIR_OR_NAME", help="Another tokenizer to compare; repeatable."
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,  # noqa: ARG001 - acts when it is read
) -> None:
    """What the tokenizer of a recipe makes of its validation text, beside others."""
    from lmkit.commands.tokenizer_report import report
    from lmkit.recipe.load import load_recipe

    report(load_recipe(recipe, overrides or ()), beside=beside or (), as_json=as_json)


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
