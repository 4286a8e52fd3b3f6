"""`lmkit predict`: what a fine-tuned model says of texts."""

from typing import Annotated

import typer

from lmkit.cli.options import Json, Quiet

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help="A run folder, a checkpoint, a model folder or a hub name."
    ),
]
Texts = Annotated[
    list[str] | None, typer.Argument(metavar="[TEXT]...", help="The texts themselves.")
]
Input = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="FILE",
        help="Texts: a row each (csv, tsv, jsonl, parquet, ...) or a line each (txt); `-` is "
        "standard input, a line each.",
    ),
]
Column = Annotated[
    str | None,
    typer.Option(
        "--column",
        metavar="NAME",
        help="The text's column in --input (default: the recipe's); standard input is then JSON "
        "Lines.",
    ),
]
OutputFile = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write JSON Lines to this file."),
]
BatchSize = Annotated[
    int, typer.Option("--batch-size", metavar="N", min=1, help="Texts at a time; changes no label.")
]


def predict(
    target: Target,
    texts: Texts = None,
    input_file: Input = None,
    column: Column = None,
    output: OutputFile = None,
    batch_size: BatchSize = 32,
    as_json: Json = False,
    quiet: Quiet = False,  # noqa: ARG001 - its callback acts
) -> None:
    """Label texts with a fine-tuned model.

    JSON Lines in the order of the input: {"text", "label", "scores"} and the input's own columns.
    Texts given as arguments on a terminal are answered with a readable line each.
    """
    from lmkit.commands.predict import PredictOptions, predict

    predict(
        target,
        PredictOptions(
            texts=tuple(texts or ()),
            input=input_file,
            column=column,
            output=output,
            batch_size=batch_size,
            as_json=as_json,
        ),
    )
