"""`lmkit data inspect`: what the data of a recipe are like, what is wrong with them, and the cure.

Nothing is trained but, where the recipe's own tokenizer is not in the cache yet, one on the first
megabyte of the text, which is gone afterwards. A row that cannot be read does not end the look.
"""

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from lmkit.commands.gguf import with_folders
from lmkit.commands.inspect_view import Line, lines, write
from lmkit.commands.look import sample_of
from lmkit.data.cache import CacheMissError, reading_only, scratch
from lmkit.data.doctor.examine import Examined, Tokenize, View, examine
from lmkit.data.doctor.findings import Finding
from lmkit.data.doctor.sample import Shown, draw
from lmkit.data.doctor.structure import structure_for
from lmkit.data.doctor.verdict import findings
from lmkit.data.entities import likely_scheme
from lmkit.data.mixture import parts_of
from lmkit.data.refusals import keeping_refusals
from lmkit.data.rows import Source
from lmkit.data.sources import open_splits
from lmkit.data.token_cache import tokenize_corpus
from lmkit.data.tokenizer import LANGUAGE_MODELS, prepare_tokenizer
from lmkit.errors import DataError, LmkitError
from lmkit.recipe.base import TaskOptions
from lmkit.recipe.options.ner import NerOptions
from lmkit.recipe.sections import Recipe

Known = dict[str, npt.NDArray[np.int64]]


def inspect(recipe: Recipe, *, as_json: bool, sample: int = 0) -> None:
    """Write the facts and findings of every split, and `sample` rows of each.

    Raises:
        DataError: nothing can be read at all; the first reason.
    """
    recipe = with_folders(recipe)
    sources = _open(recipe)
    tokenizer, notes = _tokenizer(recipe, sources[0])
    known = _known(recipe, sources, tokenizer) if tokenizer is not None and not notes else {}
    options = recipe.task
    if isinstance(options, NerOptions) and options.scheme == "auto":
        with keeping_refusals(), _hushed("lmkit.data.rows"):
            found_scheme = likely_scheme(options, sources[0])
        options = options.model_copy(update={"scheme": found_scheme})
    view = view_of(options, tokenizer, known)
    with _hushed("lmkit.data.rows"):  # blank rows are a finding
        splits = examine(sources, view)
        found = findings(splits, view)
    drawn = {s.name: draw(s, sample, view.text_column) for s in sources} if sample else {}
    if as_json:
        sys.stdout.write(json.dumps(_as_dict(splits, found, notes, drawn), ensure_ascii=False))
        sys.stdout.write("\n")
        return
    told: list[Line] = [*lines(splits, found, notes, recipe.task), *_sample_lines(drawn)]
    write(told)


def view_of(
    options: TaskOptions,
    tokenizer: PreTrainedTokenizerBase | None = None,
    known: Known | None = None,
) -> View:
    """What of a row matters to the task: its columns, its limit, how its tokens are counted."""
    limit = getattr(options, "max_length", None) or getattr(options, "block_size", None)
    is_corpus = options.name in LANGUAGE_MODELS
    is_pair = getattr(options, "text_pair_column", None) is not None
    return View(
        text_column=None if is_pair else getattr(options, "text_column", None),  # None: whole rows
        label_column=options.strata,
        limit=limit,
        structure=structure_for(options),
        tokenize=None if tokenizer is None else _counter(tokenizer, is_corpus=is_corpus),
        known=known or {},
        tokens_column=getattr(options, "tokens_column", None),
    )


def _open(recipe: Recipe) -> list[Source]:
    """The splits, where some of their rows cannot be read too."""
    with keeping_refusals() as refusals:
        try:
            splits = open_splits(recipe.data, recipe.task)
        except DataError:
            if refusals.errors:  # why there is nothing left says more than that there is not
                raise refusals.errors[0] from None
            raise
    return [source for source in splits if source is not None]


def _tokenizer(recipe: Recipe, train: Source) -> tuple[PreTrainedTokenizerBase | None, list[str]]:
    """The recipe's tokenizer or one like it, and what there is to say of it."""
    with keeping_refusals(), _hushed("lmkit.data.tokenizer"):
        try:
            with reading_only():
                return prepare_tokenizer(recipe, train), []
        except CacheMissError:
            pass
        except LmkitError as error:
            return None, [f"lengths are in characters, for there is no tokenizer: {error}"]
        try:
            with scratch():
                learned = prepare_tokenizer(recipe, sample_of(train))
        except LmkitError as error:
            return None, [f"lengths are in characters, for no tokenizer can be trained: {error}"]
    return learned, [
        "the recipe's tokenizer is not trained yet: lengths are in tokens of one trained on the "
        "first megabyte of the training text (`lmkit data prepare` or a run makes the real one)"
    ]


@contextmanager
def _hushed(name: str) -> Iterator[None]:
    """Nothing but errors is told of a tokenizer that is only made to count."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _known(recipe: Recipe, sources: Sequence[Source], tokenizer: PreTrainedTokenizerBase) -> Known:
    """The tokens of each document, of those splits that are in the token cache."""
    found: Known = {}
    if recipe.task.name not in LANGUAGE_MODELS:
        return found
    column = str(getattr(recipe.task, "text_column", "text"))
    for source in sources:
        try:
            with reading_only(), _hushed("lmkit.data.token_cache"):
                parts = [
                    np.diff(tokenize_corpus(part, tokenizer, text_column=column).offsets)
                    for part in parts_of(source)
                ]
        except (CacheMissError, LmkitError):
            continue
        found[source.name] = np.concatenate(parts)
    return found


def _counter(tokenizer: PreTrainedTokenizerBase, *, is_corpus: bool) -> Tokenize:
    """Counts as a run does: a document with its end token, a text with what stands around it."""
    options: dict[str, Any] = {
        "add_special_tokens": not is_corpus, "return_attention_mask": False,
        "return_token_type_ids": False, "verbose": False,
    }  # fmt: skip

    def count(texts: list[str]) -> list[int]:
        return [len(ids) + is_corpus for ids in tokenizer(texts, **options)["input_ids"]]

    return count


def _as_dict(
    splits: Sequence[Examined],
    found: Sequence[Finding],
    notes: list[str],
    drawn: dict[str, list[Shown]],
) -> dict[str, Any]:
    """The report as JSON knows it."""
    report: dict[str, Any] = {
        "splits": {split.name: split.as_dict() for split in splits},
        "findings": [finding.as_dict() for finding in found],
        "notes": notes,
    }
    if drawn:
        report["sample"] = {
            name: [
                {
                    "row": shown.before.origin,
                    "before": json.loads(json.dumps(shown.before.values, default=str)),
                    "after": None
                    if shown.after is None
                    else json.loads(json.dumps(shown.after.values, default=str)),
                }
                for shown in rows
            ]
            for name, rows in drawn.items()
        }
    return report


def _sample_lines(drawn: dict[str, list[Shown]]) -> Iterator[Line]:
    """The rows that were drawn; before and after where a row is changed."""
    for name, rows in drawn.items():
        yield Line("")
        yield Line(f"{name}: {len(rows)} rows, drawn by their content", "bold")
        for shown in rows:
            yield Line(f"  {shown.before.origin}", "dim")
            before, after = _short(shown.before.values), None
            if shown.after is not None:
                after = _short(shown.after.values)
            if before == after:
                yield Line(f"    {before}")
                continue
            yield Line(f"    before: {before}")
            yield Line(f"    after:  {after if after is not None else '(left out)'}")


def _short(values: dict[str, Any]) -> str:
    """The values on one line, long ones cut."""
    text = json.dumps(values, ensure_ascii=False, default=str)
    return text if len(text) <= 600 else f"{text[:600]}... ({len(text):,} characters)"
