"""`lmkit eval`: score a run, a checkpoint, a model folder or a hub model.

Standard output gets a table for people or, with `--json`, one object; `--output` keeps the object.
"""

import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmkit.commands.bar import progress_bar
from lmkit.commands.bias import score_pairs
from lmkit.commands.contaminated import check_contamination, contamination
from lmkit.commands.output import check_output
from lmkit.commands.samples import screen_samples
from lmkit.commands.scoring_run import Evaluation, evaluate_split
from lmkit.commands.subject import Subject, open_subject
from lmkit.commands.twins import score_twins
from lmkit.data.pseudo import HiddenTokens
from lmkit.data.token_cache import tokenize_corpus
from lmkit.details.scored import BY_COLUMN
from lmkit.errors import UsageError
from lmkit.evaluation.contamination import SIZE
from lmkit.evaluation.detail import details_json
from lmkit.evaluation.interval import bootstrap_ratio
from lmkit.evaluation.perplexity import documents, perplexity
from lmkit.evaluation.scoring import score
from lmkit.run_folder import write_json

SHOWN = "-"
"""In the place of a file: the details go to standard output."""
BESIDE = {
    "--bias": ("--bias",),
    "--samples": ("--samples", "--text-column", "--run-tokens"),
    "--swaps": ("--swaps", "--data", "--split", "--text-column"),
}
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
    """`gender`, `names` or a file of words to swap in the texts of a classifier."""
    words: str | None = None
    """A file of words that are looked for in `samples`."""
    contamination: bool = False
    """Whether the documents are looked for in the training data."""
    run_tokens: int | None = None
    """Tokens in a row that are looked for there; left out, 13, of samples 50."""
    trust_metric_code: bool = False
    """Whether the code of metrics that the run's recipe names is run."""
    details: str | None = None
    """A file for the details (as the `details.json` of a run), or `-`: after the table."""
    slices: Sequence[str] = ()
    """Columns of the data by whose values the metrics are told too."""


def evaluate(target: str, options: EvalOptions) -> None:
    """Score `target` and tell the result.

    Raises:
        LmkitError: target, data and options do not fit, or cannot be read.
    """
    _check(options)
    if (alone := _without_data(target, options)) is not None:
        _tell(alone, {"task": alone.task, "model": target, **alone.as_json()}, options)
        return
    subject = _opened(target, options)
    with progress_bar("scoring") as progress:
        found = evaluate_split(
            subject.task, subject.model, subject.tokenizer, subject.source,
            batch_size=options.batch_size, seed=subject.seed, train=subject.train,
            progress=progress, columns=options.slices, kept=options.contamination,
            detailed=options.details is not None or bool(options.slices),
        )  # fmt: skip
    found = dataclasses.replace(found, split=subject.split)
    if options.pseudo_tokens is not None:
        found = _with_pseudo_perplexity(found, subject, options)
    told = {"task": found.task, "model": target, **found.as_json()}
    line = ""
    if options.contamination:
        copied = contamination(target, subject, options.run_tokens or SIZE, found.units)
        found = dataclasses.replace(found, details=[*found.details, *copied.details])
        told["contamination"] = copied.numbers.as_json()
        line = copied.numbers.line()
    _tell(found, told, options, line)


def _without_data(target: str, options: EvalOptions) -> Evaluation | None:
    """What is asked instead of a plain score on data."""
    if options.bias is not None:
        with progress_bar("scoring pairs") as progress:
            return score_pairs(target, options.bias, options.batch_size, progress)
    if options.samples is not None:
        return screen_samples(
            target, options.samples, words=options.words, text_column=options.text_column,
            size=options.run_tokens,
        )  # fmt: skip
    if options.swaps is not None:
        subject = _opened(target, options)
        with progress_bar("scoring twins") as progress:
            return score_twins(subject, target, options.swaps, options.batch_size, progress)
    return None


def _check(options: EvalOptions) -> None:
    """See where results are to go, before minutes of work."""
    check_output(options.output)
    if options.details == SHOWN and options.as_json:
        raise UsageError("--details -: standard output gets the JSON object; name a file")
    if options.details != SHOWN:
        check_output(options.details, "--details")
    if options.words is not None and options.samples is None:
        raise UsageError("--words: is for --samples FILE, which is not given")
    asked = {"--bias": options.bias, "--samples": options.samples, "--swaps": options.swaps}
    alone = next((name for name, value in asked.items() if value is not None), None)
    if alone is None:
        if options.run_tokens is not None and not options.contamination:
            raise UsageError("--run-tokens: is for --contamination or --samples FILE")
        return
    given = {
        **asked, "--data": options.data, "--split": options.split, "--stride": options.stride,
        "--slice": options.slices, "--pseudo-perplexity": options.pseudo_tokens,
        "--contamination": options.contamination, "--text-column": options.text_column,
        "--run-tokens": options.run_tokens, "--trust-metric-code": options.trust_metric_code,
    }  # fmt: skip
    others = [name for name, value in given.items() if value and name not in BESIDE[alone]]
    if others:
        raise UsageError(f"{alone} and {others[0]}: what {alone} asks for is looked at by itself")


def _opened(target: str, options: EvalOptions) -> Subject:
    """What is scored, if it is what the options ask of it."""
    changes = {"stride": options.stride, "text_column": options.text_column}
    subject = open_subject(
        target, data=options.data, split=options.split, changes=changes,
        trust_metric_code=options.trust_metric_code,
    )  # fmt: skip
    if options.pseudo_tokens is not None and subject.task.options.name != "masked_lm":
        raise UsageError(
            f"--pseudo-perplexity: is for masked models; {target} is scored as "
            f"{subject.task.options.name}, which has a perplexity of its own"
        )
    if options.contamination:
        check_contamination(target, subject)
    return subject


def _tell(found: Evaluation, told: dict[str, Any], options: EvalOptions, line: str = "") -> None:
    """Write the files that are asked for, then the table, or the object, on standard output.

    Args:
        found: the table and the details.
        told: the object.
        options: what is told where.
        line: what the table is followed by.
    """
    sliced = [one for one in found.details if one.name.startswith(BY_COLUMN)]
    if sliced:
        told["slices"] = [one.as_json() for one in sliced]
    if options.output is not None:
        write_json(Path(options.output), told)
    if options.details is not None and options.details != SHOWN:
        content = details_json(found.task, found.split, found.details)
        write_json(Path(options.details), content)
    if options.as_json:
        text = json.dumps(told, ensure_ascii=False, allow_nan=False)
    else:
        shown = found.details if options.details == SHOWN else sliced
        text = "\n\n".join([f"{found.table()}\n{line}".rstrip(), *(one.text() for one in shown)])
    sys.stdout.write(text + "\n")


def _with_pseudo_perplexity(
    found: Evaluation, subject: Subject, options: EvalOptions
) -> Evaluation:
    """Add `pseudo_perplexity`: exp of the mean nll of tokens, each hidden alone.

    PPPL(W) = exp(-(1/N) sum over sentences of PLL(W)), PLL(W) = sum over t of log P(w_t | all
    others) (Salazar et al. 2020, equations 1 to 3).
    """
    task, limit = subject.task, options.pseudo_tokens
    assert limit is not None
    corpus = tokenize_corpus(
        subject.source, subject.tokenizer, text_column=task.options.text_column
    )
    hidden = HiddenTokens(
        corpus, subject.tokenizer, block_size=task.options.block_size, limit=limit,
        seed=subject.seed,
    )  # fmt: skip
    task.attach(subject.model)
    try:
        with progress_bar("hiding each token in turn") as progress:
            rows = score(
                subject.model, task, hidden, batch_size=options.batch_size, progress=progress
            )
    finally:
        task.detach(subject.model)
    sums = documents(rows)
    value = perplexity(float(sums.nll.sum() / sums.count.sum()))
    ends = bootstrap_ratio(sums.nll, sums.count, subject.seed)
    intervals = dict(found.intervals)
    if ends is not None:
        intervals["pseudo_perplexity"] = (perplexity(ends[0]), perplexity(ends[1]))
    return dataclasses.replace(
        found,
        metrics=found.metrics | {"pseudo_perplexity": value},
        intervals=intervals,
        definition=f"{found.definition} pseudo_perplexity: exp of the mean nll of {len(hidden):,} "
        f"of {hidden.total:,} tokens, each hidden alone (arXiv:1910.14659), in whole pieces drawn "
        "by the seed.",
    )
