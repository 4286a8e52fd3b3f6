"""`lmkit recipes`: the packaged recipes, and checking one's own."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lmkit.cli.options import Json, Overrides

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, show, copy and check recipes."
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A packaged recipe.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """The packaged recipes: name, task, model, size, needs, minutes."""
    from lmkit.recipe import catalog

    rows = [catalog.summary(name) for name in catalog.recipes()]
    header = catalog.Summary._fields
    if as_json:
        typer.echo(json.dumps([row._asdict() for row in rows], indent=2, ensure_ascii=False))
    elif sys.stdout.isatty():
        _table(header, rows)
    else:
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        for row in (header, *rows):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            typer.echo("  ".join(cells).rstrip())


@app.command()
def show(name: Name) -> None:
    """Print a packaged recipe, comments and all."""
    from lmkit.recipe import catalog

    typer.echo(catalog.find(name).read_text(encoding="utf-8"), nl=False)


@app.command()
def copy(
    name: Name,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A new file, or a folder; by default NAME.yaml here."),
    ] = None,
) -> None:
    """Copy a packaged recipe to change it; prints the new file's path."""
    from lmkit.recipe import catalog

    typer.echo(catalog.copy(name, file))


@app.command()
def check(
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="RECIPE", help="A name or a path; left out, all packaged ones."),
    ] = None,
    overrides: Overrides = None,
    full: Annotated[
        bool, typer.Option("--full", help="Load task, data, tokenizer and model too.")
    ] = False,
) -> None:
    """Check recipes, and tell all that is wrong with them."""
    from lmkit.errors import LmkitError, RecipeError
    from lmkit.recipe import catalog
    from lmkit.recipe.load import load_recipe

    problems: list[str] = []
    for name in [recipe] if recipe is not None else catalog.recipes():
        try:
            loaded = load_recipe(name, overrides or ())
            if full:
                from lmkit.commands.check import check_full

                check_full(loaded)
        except LmkitError as error:
            problems.extend(str(error).splitlines())
        else:
            typer.echo(f"ok {name}")
    if problems:
        raise RecipeError(problems)


@app.command()
def schema() -> None:
    """Print the JSON Schema of recipes, by which an editor completes and checks keys."""
    from lmkit.recipe.schema import recipe_schema

    typer.echo(json.dumps(recipe_schema(), indent=2, ensure_ascii=False))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*header, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # not markup: a fact may hold brackets
    Console().print(table)
