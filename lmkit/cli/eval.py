"""`lmkit eval`: how good a model is, and how sure that is."""

from typing import Annotated

import typer

from lmkit.cli.options import Json, Quiet

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help="A run folder, a checkpoint, a model folder or a hub name."
    ),
]
Data = Annotated[
    str | None,
    typer.Option("--data", metavar="FILE", help="Score on this instead of the run's own data."),
]
Split = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="NAME",
        help="A split of the run's data (default: test, else validation).",
    ),
]
BatchSize = Annotated[
    int,
    typer.Option(
        "--batch-size", metavar="N", min=1, help="Sequences at a time; changes no number."
    ),
]
Stride = Annotated[
    int | None,
    typer.Option(
        "--stride",
        metavar="N",
        min=1,
        help="Tokens the window moves on a long document (default: half the context).",
    ),
]
TextColumn = Annotated[
    str | None,
    typer.Option("--text-column", metavar="NAME", help="The column of --data that holds the text."),
]
PseudoPerplexity = Annotated[
    bool,
    typer.Option("--pseudo-perplexity", help="Masked models: also hide each token in turn (slow)."),
]
PseudoTokens = Annotated[
    int,
    typer.Option("--pseudo-tokens", metavar="N", min=1, help="The most tokens to hide in turn."),
]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the JSON object to this file."),
]
Details = Annotated[
    str | None,
    typer.Option(
        "--details",
        metavar="FILE",
        help="Write what else there is to tell (confusions, calibration, worst mistakes, slices) "
        "to this JSON file; - shows it.",
    ),
]
Slices = Annotated[
    list[str] | None,
    typer.Option(
        "--slice",
        metavar="COLUMN",
        help="Also score the rows of each value of this column; may be given several times.",
    ),
]
Bias = Annotated[
    str | None,
    typer.Option(
        "--bias",
        metavar="FILE",
        help="Language models: score instead sentence pairs (sent_more, sent_less, bias_type).",
    ),
]
Contamination = Annotated[
    bool,
    typer.Option(
        "--contamination",
        help="Also look for the rows, or the items of --benchmarks, in the run's training data.",
    ),
]
Pretraining = Annotated[
    str | None,
    typer.Option(
        "--pretraining",
        metavar="RUN",
        help="With --contamination: also look in the training data of this run, which made the "
        "model that the other began with.",
    ),
]
Samples = Annotated[
    str | None,
    typer.Option(
        "--samples",
        metavar="FILE",
        help="Screen instead texts that the model wrote (lmkit generate --output): personal data, "
        "copies of the run's training data.",
    ),
]
Swaps = Annotated[
    str | None,
    typer.Option(
        "--swaps",
        metavar="LIST",
        help="Score instead rows and their twins with words swapped: gender, names, or a file "
        "(from, to).",
    ),
]
Words = Annotated[
    str | None,
    typer.Option(
        "--words", metavar="FILE", help="With --samples: also words and phrases, one a line."
    ),
]
RunTokens = Annotated[
    int | None,
    typer.Option(
        "--run-tokens",
        metavar="N",
        min=1,
        help="Tokens in a row that are looked for in training data (default: 13, samples: 50).",
    ),
]
TrustMetricCode = Annotated[
    bool,
    typer.Option(
        "--trust-metric-code",
        help="Run the code of metrics that the run's recipe names (task.metrics).",
    ),
]

Benchmarks = Annotated[
    list[str] | None,
    typer.Option(
        "--benchmarks",
        metavar="FILE|TASK",
        help="Score a causal model on a file of last words (text) or choices (question, choices, "
        "answer), or on a task of lm-eval; may be given several times.",
    ),
]
Explain = Annotated[
    list[str] | None,
    typer.Option(
        "--explain",
        metavar="TEXT",
        help="Tell which tokens of this text the model's answer comes from; may be given several "
        "times.",
    ),
]
Shots = Annotated[
    int | None,
    typer.Option(
        "--num-fewshot", metavar="N", min=0, help="Answered examples before an item of lm-eval."
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=1, help="Items of each benchmark at most."),
]
TrustBenchmarkCode = Annotated[
    bool,
    typer.Option(
        "--trust-benchmark-code", help="Run what stands in a task file (.yaml) of lm-eval."
    ),
]


def eval_(
    target: Target,
    data: Data = None,
    split: Split = None,
    batch_size: BatchSize = 8,
    stride: Stride = None,
    text_column: TextColumn = None,
    pseudo_perplexity: PseudoPerplexity = False,
    pseudo_tokens: PseudoTokens = 2000,
    bias: Bias = None,
    contamination: Contamination = False,
    pretraining: Pretraining = None,
    samples: Samples = None,
    words: Words = None,
    swaps: Swaps = None,
    run_tokens: RunTokens = None,
    trust_metric_code: TrustMetricCode = False,
    details: Details = None,
    slices: Slices = None,
    benchmarks: Benchmarks = None,
    explain: Explain = None,
    num_fewshot: Shots = None,
    limit: Limit = None,
    trust_benchmark_code: TrustBenchmarkCode = False,
    output: Output = None,
    as_json: Json = False,
    quiet: Quiet = False,  # noqa: ARG001 - acts when it is read
) -> None:
    """Score a model: its metrics with 95 % intervals, the baselines, and what the numbers mean."""
    from lmkit.commands.eval_options import EvalOptions
    from lmkit.commands.evaluate import evaluate

    options = EvalOptions(
        data=data,
        split=split,
        batch_size=batch_size,
        stride=stride,
        text_column=text_column,
        pseudo_tokens=pseudo_tokens if pseudo_perplexity else None,
        output=output,
        as_json=as_json,
        bias=bias,
        samples=samples,
        words=words,
        swaps=swaps,
        contamination=contamination,
        pretraining=pretraining,
        run_tokens=run_tokens,
        trust_metric_code=trust_metric_code,
        details=details,
        slices=tuple(dict.fromkeys(slices or ())),
        benchmarks=tuple(dict.fromkeys(benchmarks or ())),
        limit=limit,
        shots=num_fewshot,
        trust_benchmark_code=trust_benchmark_code,
        explain=tuple(explain or ()),
    )
    evaluate(target, options)
