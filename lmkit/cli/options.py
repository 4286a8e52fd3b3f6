"""The options that several commands share, each declared once."""

from typing import Annotated

import typer


def _hush(context: typer.Context, value: bool) -> bool:
    """Whether `--quiet` stands before or after the command's name; if so only warnings are told."""
    quiet = value or bool(context.find_root().params.get("quiet"))
    if quiet:
        from lmkit.cli.messages import hush

        hush()
    return quiet


Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", callback=_hush, help="No progress and no information lines."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY.PATH=VALUE", help="Override one key of the recipe; repeatable."
    ),
]
RecipeArgument = Annotated[
    str,
    typer.Argument(metavar="RECIPE", help="A packaged recipe's name or the path of a YAML file."),
]
