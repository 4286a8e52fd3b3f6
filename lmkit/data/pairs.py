"""Texts that belong together: pairs with a score, pairs, triples; read, checked and encoded.

Shape letters: N rows, P texts of a row.
"""

import hashlib
import logging
import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from transformers import PreTrainedTokenizerBase

from lmkit.data.encoded import CHUNK, chunks, encode
from lmkit.data.encoded_groups import EncodedGroups, GroupWriter
from lmkit.data.rows import Row, Source, column, number
from lmkit.errors import DataError, UsageError
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.options.embedding import EmbeddingOptions

logger = logging.getLogger(__name__)

Objective = Literal["cosine", "contrastive", "triplet"]

SCALES = (1.0, 5.0, 10.0, 100.0)
"""Where scales of scores usually end."""


def text_key(text: str) -> int:
    """A number in [-2**63, 2**63) that equal texts share: the first 8 bytes of a SHA-256."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _columns(options: EmbeddingOptions) -> dict[Objective, tuple[str, ...]]:
    """The columns of each objective; what is told by more of them comes first."""
    pair = (options.anchor_column, options.positive_column)
    scored = (options.sentence1_column, options.sentence2_column, options.score_column)
    return {"cosine": scored, "triplet": (*pair, options.negative_column), "contrastive": pair}


def text_columns(options: EmbeddingOptions) -> tuple[str, ...]:
    """The P columns of texts of the objective, which is known."""
    assert options.objective is not None, "with_objective comes first"
    columns = _columns(options)[options.objective]
    return columns[:2] if options.objective == "cosine" else columns


def with_objective(options: EmbeddingOptions, source: Source) -> EmbeddingOptions:
    """The options with the objective and the end of the scores, found in the rows if need be.

    Raises:
        DataError: the columns fit no objective, or the scores are none.
        UsageError: metrics are asked for that need scores, and there are none.
    """
    if options.objective is None:
        options = options.model_copy(update={"objective": _objective(options, source)})
    if options.metrics and options.objective != "cosine":
        raise UsageError(
            "task.metrics: metrics of the evaluate library need pairs with a score, and the rows "
            f"of {source.name} are for the objective {options.objective}; leave it out"
        )
    if options.objective == "cosine" and options.score_high is None:
        high = find_score_high(source, options.score_column, options.score_low)
        logger.info("scores go from %g to %g", options.score_low, high)
        options = options.model_copy(update={"score_high": high})
    return options


def _objective(options: EmbeddingOptions, source: Source) -> Objective:
    """What the columns of the first row fit."""
    row, shapes = next(source.rows()), _columns(options)
    for objective, names in shapes.items():
        if not missing_columns(row, names):
            logger.info("objective %s: the columns are %s", objective, ", ".join(names))
            return objective
    fewest = min((missing_columns(row, names) for names in shapes.values()), key=len)
    raise DataError(
        f"{row.origin}: the columns are {', '.join(f'`{name}`' for name in row.values)}; pairs "
        f"have {', '.join(shapes['contrastive'])}, triples {', '.join(shapes['triplet'])}, and "
        f"pairs with a score {', '.join(shapes['cosine'])}: there is no {', '.join(fewest)} "
        "(name your own: task.anchor_column and so on)"
    )


def missing_columns(row: Row, names: Sequence[str]) -> list[str]:
    """Those columns that a row does not have, each with the nearest that it has."""
    found = [str(key) for key in row.values]
    return [f"`{name}`{did_you_mean(name, found)}" for name in names if name not in row.values]


def check_texts(row: Row, names: Sequence[str]) -> None:
    """See that each column holds text, and that the third of them is not the second.

    Raises:
        DataError: one does not; the row and the column are named.
    """
    texts = [column(row, name) for name in names]
    if len(texts) > 2 and texts[2] == texts[1]:
        raise DataError(
            f"{row.origin}: column `{names[2]}` holds the same text as `{names[1]}`, so it is "
            "right and wrong at once; leave the row out"
        )


def find_score_high(train: Source, name: str, low: float) -> float:
    """Where the scale of the scores ends: the least usual end that no training score exceeds.

    Raises:
        DataError: a score is no number or below `low`, or all are the same.
    """
    least, most = math.inf, -math.inf
    for row in train.rows():
        value = score_of(row, name, low, math.inf)
        least, most = min(least, value), max(most, value)
    if least == most:
        raise DataError(
            f"{train.name} data: every row has the score {least:g}; to learn which texts are more "
            "alike takes two scores or more"
        )
    return next((end for end in SCALES if end > low and most <= end), most)


def score_of(row: Row, name: str, low: float, high: float) -> float:
    """The score of a row, in [low, high].

    Raises:
        DataError: it is no number, or outside.
    """
    value = number(row, name, "a score is one")
    if not low <= value <= high:
        ends = f"from {low:g} to {high:g}" if math.isfinite(high) else f"from {low:g} on"
        raise DataError(
            f"{row.origin}: column `{name}` holds the score {value:g}, but scores go {ends} "
            "(task.score_low, task.score_high)"
        )
    return value


def cosine_of(row: Row, options: EmbeddingOptions) -> float:
    """The score of a row brought to [0, 1].

    Raises:
        DataError: it is no number, or outside of the scale.
    """
    low, high = options.score_low, options.score_high
    assert high is not None, "with_objective comes first"
    return (score_of(row, options.score_column, low, high) - low) / (high - low)


def encode_texts(
    rows: Iterable[Row], tokenizer: PreTrainedTokenizerBase, options: EmbeddingOptions
) -> EncodedGroups:
    """Read and encode all rows, holding no text but that of a chunk.

    Args:
        rows: read once.
        tokenizer: adds the special tokens it was made to add.
        options: with the objective.

    Returns:
        N rows of P texts; fields: `keys` (N, P), `labels` (N,) all 0 (each row counts), and
        `score` (N,) float32 in [0, 1] where there is one.

    Raises:
        DataError: a text is missing, or a score is no number or outside of the scale.
    """
    writer, cut, columns = GroupWriter(), 0, text_columns(options)
    for chunk in chunks(rows, CHUNK):
        encoded = []
        for name in columns:
            found, shortened = encode(
                chunk, tokenizer, text_column=name, max_length=options.max_length
            )
            encoded.append(found)
            cut += shortened
        for row, *texts in zip(chunk, *encoded, strict=True):
            keys = np.array([text_key(row.values[name]) for name in columns])
            fields: dict[str, Any] = {"keys": keys, "labels": 0}
            if options.objective == "cosine":
                fields["score"] = np.float32(cosine_of(row, options))
            writer.add(texts, **fields)
    return writer.finish(cut)
