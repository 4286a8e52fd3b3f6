"""What `lmkit eval` may be told, and what of it goes together."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmkit.commands.output import SHOWN, check_output
from lmkit.errors import UsageError

OF_BENCHMARKS = ("--limit", "--num-fewshot", "--trust-benchmark-code")
BESIDE = {
    "--bias": ("--bias", "--details"),
    "--samples": ("--samples", "--text-column", "--run-tokens", "--details"),
    "--swaps": (
        "--swaps", "--data", "--split", "--text-column", "--details", "--trust-metric-code",
    ),
    "--benchmarks": (
        "--benchmarks", *OF_BENCHMARKS, "--contamination", "--pretraining", "--run-tokens",
        "--details",
    ),
    "--explain": ("--explain",),
}  # fmt: skip
"""What may be given beside an option that asks for something else than a plain score."""


@dataclass(frozen=True)
class EvalOptions:
    """What `lmkit eval` may be told."""

    data: str | None = None
    """A file to score on instead of the run's own data."""
    split: str | None = None
    """The split of the run's data; left out, `test`, else `validation`."""
    batch_size: int = 8
    """Sequences at a time."""
    stride: int | None = None
    """Tokens the window of a causal model moves on a long document; left out, the recipe's."""
    text_column: str | None = None
    """The column that holds the text; left out, the recipe's, else `text`."""
    pseudo_tokens: int | None = None
    """Also score so many tokens of a masked model one by one; left out, none."""
    output: str | None = None
    """A file for the JSON object."""
    as_json: bool = False
    """The JSON object on standard output instead of the table."""
    bias: str | None = None
    """A file of sentence pairs to score instead of data."""
    samples: str | None = None
    """A file of texts that the model wrote, to screen instead of scoring data."""
    swaps: str | None = None
    """`gender`, `names` or a file of words to swap in the texts of the rows."""
    words: str | None = None
    """A file of words that are looked for in `samples`."""
    contamination: bool = False
    """Whether the rows are looked for in the training data."""
    pretraining: str | None = None
    """A run whose training data is looked through too: the one that this model began with."""
    run_tokens: int | None = None
    """Tokens in a row that are looked for there; left out, 13, of samples 50."""
    trust_metric_code: bool = False
    """Whether the code of metrics that the run's recipe names is run."""
    details: str | None = None
    """A file for the details (as the `details.json` of a run), or `-`: after the table."""
    slices: Sequence[str] = ()
    """Columns of the data by whose values the metrics are told too."""
    benchmarks: Sequence[str] = ()
    """Files of rows, task files of lm-eval, or names of its tasks, instead of data."""
    limit: int | None = None
    """Items of each of them at most."""
    shots: int | None = None
    """Answered examples before each item of a task of lm-eval; left out, as the task says."""
    trust_benchmark_code: bool = False
    """Whether what stands in task files of one's own is run."""
    explain: Sequence[str] = ()
    """Texts whose tokens are told by what they add to the answer, instead of data."""


def check_options(options: EvalOptions) -> None:
    """See that the options fit one another, and where results are to go, before minutes of work.

    Raises:
        UsageError: they do not, or a file cannot be written.
    """
    check_output(options.output)
    if options.details == SHOWN and options.as_json:
        raise UsageError("--details -: standard output gets the JSON object; name a file")
    if options.details != SHOWN:
        check_output(options.details, "--details")
    if options.words is not None and options.samples is None:
        raise UsageError("--words: is for --samples FILE, which is not given")
    asked = {
        "--bias": options.bias, "--samples": options.samples, "--swaps": options.swaps,
        "--benchmarks": options.benchmarks, "--explain": options.explain,
    }  # fmt: skip
    of_benchmarks = dict(
        zip(
            OF_BENCHMARKS,
            (options.limit, options.shots is not None, options.trust_benchmark_code),
            strict=True,
        )
    )
    for name, value in of_benchmarks.items():
        if value and not options.benchmarks:
            raise UsageError(f"{name}: is for --benchmarks, which is not given")
    alone = next((name for name, value in asked.items() if value not in (None, ())), None)
    if not options.contamination:
        _check_without_contamination(options, alone)
    if alone is None:
        return
    given = {
        **asked, **of_benchmarks, "--details": options.details,
        "--data": options.data, "--split": options.split, "--stride": options.stride,
        "--slice": options.slices, "--pseudo-perplexity": options.pseudo_tokens,
        "--contamination": options.contamination, "--pretraining": options.pretraining,
        "--text-column": options.text_column, "--run-tokens": options.run_tokens,
        "--trust-metric-code": options.trust_metric_code,
    }  # fmt: skip
    others = [name for name, value in given.items() if value and name not in BESIDE[alone]]
    if others:
        raise UsageError(f"{alone} and {others[0]}: what {alone} asks for is looked at by itself")


def _check_without_contamination(options: EvalOptions, alone: str | None) -> None:
    """See that nothing is given that is only for --contamination.

    Args:
        options: without it.
        alone: what is asked for instead of a plain score.
    """
    if options.pretraining is not None:
        raise UsageError("--pretraining: is for --contamination, which is not given")
    if options.run_tokens is not None and alone in (None, "--benchmarks"):
        raise UsageError("--run-tokens: is for --contamination or --samples FILE")
    if options.details is not None and alone == "--benchmarks":
        raise UsageError("--details: --benchmarks has none but those of --contamination")
