"""`lmkit predict`: what a model says of texts."""

from typing import Annotated, Literal

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
        help="Texts: a row each (csv, tsv, jsonl, parquet, ...) or a line each (txt, blank lines "
        "left out); `-` is standard input, a line each.",
    ),
]
InputFormat = Annotated[
    Literal["text", "json", "jsonl", "csv", "tsv", "parquet", "arrow", "conll"] | None,
    typer.Option(
        "--input-format",
        help="Of --input (default: by its name), standard input too: CSV with its header, ...",
    ),
]
Column = Annotated[
    str | None,
    typer.Option(
        "--column",
        metavar="NAME",
        help="The text's column in --input (default: the recipe's); standard input is then JSON "
        "Lines, unless --input-format says otherwise.",
    ),
]
OutputFile = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write to this file: CSV where it is named .csv, else JSON Lines.",
    ),
]
OutputFormat = Annotated[
    Literal["jsonl", "csv"] | None,
    typer.Option(
        "--format", help="What is written (default: by the name of --output, else jsonl)."
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="End with 2 at the first row that cannot be answered.")
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        metavar="N",
        min=1,
        help="Texts at a time (default: by their length); changes no label.",
    ),
]
Precision = Annotated[
    Literal["float32", "bfloat16"] | None,
    typer.Option(
        "--precision",
        help="Of the products (default: float32; for 512 rows and more bfloat16, where that is "
        "faster and labels stay the same).",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="A,B,C",
        help="Give these labels without training: by an entailment (MNLI) model, or by what a "
        "causal model finds likeliest.",
    ),
]
Hypothesis = Annotated[
    str | None,
    typer.Option(
        "--hypothesis",
        metavar="TEXT",
        help="What holds for a text of a label, `{}` (default: This example is {}.).",
    ),
]
MultiLabel = Annotated[
    bool,
    typer.Option("--multi-label", help="Any number of --labels may hold, each asked for alone."),
]
Examples = Annotated[
    str | None,
    typer.Option(
        "--examples",
        metavar="FILE",
        help="Show a causal model these answered texts first: rows with `text` and `label`.",
    ),
]
Shots = Annotated[
    int | None,
    typer.Option(
        "--shots",
        metavar="N",
        min=1,
        help="Draw N of the examples, the labels in turn (default: all, in their order).",
    ),
]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="N", min=0, help="Of that draw (default: 0).")
]


def predict(
    target: Target,
    texts: Texts = None,
    input_file: Input = None,
    column: Column = None,
    input_format: InputFormat = None,
    output: OutputFile = None,
    output_format: OutputFormat = None,
    strict: Strict = False,
    batch_size: BatchSize = None,
    precision: Precision = None,
    labels: Labels = None,
    hypothesis: Hypothesis = None,
    multi_label: MultiLabel = False,
    examples: Examples = None,
    shots: Shots = None,
    seed: Seed = None,
    as_json: Json = False,
    quiet: Quiet = False,  # noqa: ARG001 - its callback acts
) -> None:
    """Label texts with a fine-tuned model, or with labels of your own.

    A line for each row, in the order of the input: {"text", "label", "scores"} and the input's own
    columns; in CSV a column `scores.LABEL` for each label. A row that cannot be read or answered
    is told on standard error, has `error` in its line, and does not stop the others; where no row
    of the first 2,048 can be answered the command ends with 2. Texts given as arguments on a
    terminal are answered with a readable line each.
    """
    from lmkit.commands.predict import PredictOptions, predict
    from lmkit.commands.zero_shot import zero_shot_options

    predict(
        target,
        PredictOptions(
            texts=tuple(texts or ()),
            input=input_file,
            column=column,
            input_format=input_format,
            output=output,
            format=output_format,
            strict=strict,
            batch_size=batch_size,
            precision=precision,
            zero_shot=zero_shot_options(
                labels, hypothesis, examples, shots, seed, multi_label=multi_label
            ),
            as_json=as_json,
        ),
    )
