"""`lmkit data tokenizer`: the tokenizer of a recipe on its validation text, beside others."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from lmkit.commands.gguf import as_folder, with_folders
from lmkit.commands.inspect_view import Line, write
from lmkit.data.sources import open_splits
from lmkit.data.text_columns import TextColumns
from lmkit.data.tokenizer import load_tokenizer, prepare_tokenizer
from lmkit.data.tokenizer_figures import TokenizerFigures, measure_tokenizer
from lmkit.data.tokenizer_texts import texts_to_learn
from lmkit.recipe.sections import Recipe

MOST_BYTES = 10_000_000
"""UTF-8 bytes of the text that are looked at; a text more."""


class _Figure(NamedTuple):
    """A row of the table."""

    name: str
    title: str
    form: str
    better: int
    """1 where more is better, -1 where less is, 0 where neither."""


_TABLE = (
    _Figure("vocab_size", "entries of the vocabulary", "{:,}", 0),
    _Figure("tokens", "tokens of the text", "{:,}", 0),
    _Figure("bytes_per_token", "bytes per token", "{:.3f}", 1),
    _Figure("characters_per_token", "characters per token", "{:.3f}", 1),
    _Figure("tokens_per_word", "tokens per word", "{:.3f}", -1),
    _Figure("unknown_share", "unknown tokens", "{:.3%}", -1),
    _Figure("byte_share", "single bytes of characters", "{:.3%}", -1),
    _Figure("unused", "entries never used", "{:,}", 0),
    _Figure("unused_share", "share never used", "{:.1%}", -1),
    _Figure("round_trip_share", "texts given back exactly", "{:.1%}", 1),
)


def report(recipe: Recipe, *, beside: Sequence[str] = (), as_json: bool = False) -> None:
    """Measure the recipe's tokenizer (trained now, if it has to be) and those of `beside`.

    Raises:
        TokenizerError: one of them cannot be opened.
        LmkitError: what is wrong with the data.
    """
    recipe = with_folders(recipe)
    others = [(name, load_tokenizer(as_folder(name))) for name in beside]
    splits = open_splits(recipe.data, recipe.task)
    source = splits.validation or splits.train
    tokenizer = prepare_tokenizer(recipe, splits.train)
    texts = list(_first(texts_to_learn(source, TextColumns.of(recipe.task))))
    figures = {
        name: measure_tokenizer(one, texts) for name, one in [("the recipe's", tokenizer), *others]
    }
    size = sum(len(text.encode()) for text in texts)
    if as_json:
        text = {"split": source.name, "texts": len(texts), "bytes": size}
        tokenizers = [{"name": name, **asdict(found)} for name, found in figures.items()]
        sys.stdout.write(json.dumps({"text": text, "tokenizers": tokenizers}) + "\n")
        return
    write([Line(f"{source.name}: {len(texts):,} texts, {size:,} bytes"), *_lines(figures)])


def _first(texts: Iterator[str]) -> Iterator[str]:
    """The first of a split."""
    size = 0
    for text in texts:
        yield text
        size += len(text.encode())
        if size >= MOST_BYTES:
            return


def _lines(figures: dict[str, TokenizerFigures]) -> Iterator[Line]:
    """A table, side by side with the better value starred, and the tokens of each."""
    columns: list[list[str]] = [["", *(figure.title for figure in _TABLE)]]
    best = {figure.name: _best(figure, figures) for figure in _TABLE}
    for name, found in figures.items():
        cells = []
        for figure in _TABLE:
            value = getattr(found, figure.name)
            mark = " *" if value == best[figure.name] else "  "
            cells.append(figure.form.format(value) + mark)
        columns.append([f"{name}  ", *cells])
    widths = [max(map(len, column)) for column in columns]
    for number, (title, *cells) in enumerate(zip(*columns, strict=True)):
        line = "  ".join(cell.rjust(w) for cell, w in zip(cells, widths[1:], strict=True))
        yield Line(f"{title:<{widths[0]}}  {line}".rstrip(), "" if number else "bold")
    if len(figures) > 1:
        yield Line("* the better")
    for name, found in figures.items():
        yield Line("")
        longest = " ".join(json.dumps(token, ensure_ascii=False) for token in found.longest)
        yield Line(f"{name}: longest tokens: {longest}")
        frequent = " ".join(
            f"{json.dumps(token, ensure_ascii=False)} {count:,}"
            for token, count in found.most_frequent
        )
        yield Line(f"{name}: most frequent: {frequent}")


def _best(figure: _Figure, figures: dict[str, TokenizerFigures]) -> Any:
    """The better value of a row; None where none is better than another."""
    values = [getattr(found, figure.name) for found in figures.values()]
    if not figure.better or len(set(values)) < 2:
        return None
    return max(values) if figure.better > 0 else min(values)
