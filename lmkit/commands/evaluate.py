"""`lmkit eval`: score a run, a checkpoint, a model folder or a hub model.

Standard output gets a table for people or, with `--json`, one object; `--output` keeps the object.
"""

import dataclasses
import sys
from typing import Any

from lmkit.commands.bar import progress_bar
from lmkit.commands.benchmarks import run_benchmarks
from lmkit.commands.bias import score_pairs
from lmkit.commands.contaminated import Trained, contamination, trainings
from lmkit.commands.eval_options import EvalOptions, check_options
from lmkit.commands.explain import tell_explanations
from lmkit.commands.output import SHOWN, keep_details, tell_json
from lmkit.commands.samples import screen_samples
from lmkit.commands.scoring_run import Evaluation, evaluate_split
from lmkit.commands.subject import Subject, open_subject
from lmkit.commands.twins import score_twins
from lmkit.data.pseudo import HiddenTokens
from lmkit.data.token_cache import tokenize_corpus
from lmkit.details.scored import BY_COLUMN
from lmkit.errors import UsageError
from lmkit.evaluation.interval import bootstrap_ratio
from lmkit.evaluation.perplexity import documents, perplexity
from lmkit.evaluation.scoring import score


def evaluate(target: str, options: EvalOptions) -> None:
    """Score `target` and tell the result.

    Raises:
        LmkitError: target, data and options do not fit, or cannot be read.
    """
    check_options(options)
    if options.benchmarks:
        run_benchmarks(target, options)
        return
    if options.explain:
        tell_explanations(target, options)
        return
    if (alone := _without_data(target, options)) is not None:
        _tell(alone, {"task": alone.task, "model": target, **alone.as_json()}, options)
        return
    subject = _opened(target, options)
    trained: list[Trained] = []
    if options.contamination:
        trained = trainings(target, options.pretraining)
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
    if trained:
        copied = contamination(
            trained, subject.source, subject.task.options, options.run_tokens, found.units
        )
        found = dataclasses.replace(found, details=[*found.details, *copied.details])
        told |= copied.as_json()
        line = copied.lines()
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
    keep_details(options.details, found.task, found.split, found.details)
    if not tell_json(told, options.output, shown=options.as_json):
        shown = found.details if options.details == SHOWN else sliced
        parts = [f"{found.table()}\n{line}".rstrip(), *(one.text() for one in shown)]
        sys.stdout.write("\n\n".join(parts) + "\n")


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
