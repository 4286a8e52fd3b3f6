"""What a model must beat: predictors that cost seconds, measured on the same items.

Shape letters: V vocabulary, C classes, N rows.
"""

import math
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmkit.evaluation.perplexity import bits_per_byte, perplexity
from lmkit.labels import IGNORED

Counts = NDArray[np.int64]
_PIECE = 1 << 20  # tokens of a memory-mapped corpus read at a time


class Flat(Protocol):
    """Token ids in one row, in memory or not."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, part: slice) -> NDArray[Any]:
        """Some of them."""


class Labeled(Protocol):
    """Examples whose features have `labels` and, for documents, `bytes`."""

    def __len__(self) -> int:
        """How many examples there are."""

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """The example for (epoch, index)."""


@dataclass(frozen=True)
class Targets:
    """What was to be predicted."""

    counts: Counts
    """How often each token is a target, (V,)."""
    bytes: int
    """UTF-8 bytes of the texts."""


def for_causal(
    train: Flat | None,
    texts: Iterable[str],
    examples: Labeled,
    vocabulary: int,
    *,
    unknown: int | None = None,
) -> dict[str, dict[str, float]]:
    """`zlib` and, where the training text is known, `unigram`, by metric.

    Args:
        train: the flat token ids of the training text, or None.
        texts: the scored documents.
        examples: the same as scored.
        vocabulary: V, above every token id.
        unknown: the token for what is not in the vocabulary; with one there are no bits per byte.
    """
    scored = targets(examples, vocabulary)
    if unknown is not None and scored.counts[unknown]:
        scored = Targets(scored.counts, 0)
    found = {}
    if scored.bytes:
        found["zlib"] = {"bits_per_byte": zlib_bits_per_byte(texts)}
    if train is not None:
        found["unigram"] = causal_unigram(token_counts(train, vocabulary), scored)
    return found


def for_masked(
    train: Flat | None, examples: Labeled, vocabulary: int, special: Collection[int]
) -> dict[str, dict[str, float]]:
    """`unigram`, by metric, where the training text is known.

    Args:
        train: the flat token ids of the training text, or None.
        examples: the masked pieces as scored.
        vocabulary: V, above every token id.
        special: ids that are never masked.
    """
    if train is None:
        return {}
    counts = token_counts(train, vocabulary, without=special)
    return {"unigram": masked_unigram(counts, targets(examples, vocabulary))}


def zlib_bits_per_byte(texts: Iterable[str]) -> float:
    """Bits a byte of `zlib` at level 9, each text compressed on its own.

    Its header and checksum (6 bytes a text) count, as a model's end token does. Texts without a
    single byte count nothing.

    Raises:
        ZeroDivisionError: there is not one byte.
    """
    packed = size = 0
    for text in texts:
        raw = text.encode("utf-8")
        if raw:
            packed += len(zlib.compress(raw, level=9))
            size += len(raw)
    return 8 * packed / size


def token_counts(tokens: Flat, size: int, without: Collection[int] = ()) -> Counts:
    """How often each id occurs in a flat array of tokens, (V,) with V = `size`.

    Args:
        tokens: any length, memory-mapped or not; read piece by piece.
        size: V, above every id.
        without: ids that are never predicted (special tokens of a masked model); counted as 0.
    """
    counts = np.zeros(size, np.int64)
    for start in range(0, len(tokens), _PIECE):
        piece = np.asarray(tokens[start : start + _PIECE], dtype=np.int64)
        counts += np.bincount(piece, minlength=size)
    counts[list(without)] = 0
    return counts


def targets(examples: Labeled, size: int) -> Targets:
    """The predicted tokens of examples as scored: labels that are not IGNORED (-100)."""
    counts, total = np.zeros(size, np.int64), 0
    for index in range(len(examples)):
        features = examples[0, index]
        labels = np.asarray(features["labels"], dtype=np.int64)
        counts += np.bincount(labels[labels != IGNORED], minlength=size)
        total += int(features.get("bytes", 0))
    return Targets(counts, total)


def causal_unigram(train: Counts, scored: Targets) -> dict[str, float]:
    """A model that knows only how often each token occurs in the training text.

    p(w) = (n(w) + 1) / (n + V) (add-one smoothing: Jurafsky and Martin, Speech and Language
    Processing, chapter 3), so a token never seen in training still has a finite cost.

    Args:
        train: tokens of the training text, (V,).
        scored: what the model was scored on.
    """
    nll = _unigram_nll(train, scored.counts)
    loss = nll / int(scored.counts.sum())
    found = {"loss": loss, "perplexity": perplexity(loss)}
    if scored.bytes:
        found["bits_per_byte"] = bits_per_byte(nll, scored.bytes)
    return found


def masked_unigram(train: Counts, scored: Targets) -> dict[str, float]:
    """As `causal_unigram`, for masked tokens; `accuracy` is that of always guessing the commonest.

    Args:
        train: tokens of the training text without the special ones, (V,).
        scored: the masked tokens.
    """
    total = int(scored.counts.sum())
    loss = _unigram_nll(train, scored.counts) / total
    right = int(scored.counts[int(train.argmax())])
    return {"loss": loss, "perplexity": perplexity(loss), "accuracy": right / total}


def prior(train: ArrayLike, rows: int) -> NDArray[np.float64]:
    """Log probabilities of always the same answer: the classes' add-one smoothed shares, (rows, C).

    Its likeliest class is always the commonest (of equally common ones the first).

    Args:
        train: rows of each class in the training data, (C,).
        rows: how often to say it.
    """
    counts = np.asarray(train, np.int64)
    log_p = np.log(counts + 1.0) - math.log(int(counts.sum()) + len(counts))
    return np.tile(log_p, (rows, 1))


def prior_odds(train: ArrayLike, total: int, rows: int) -> NDArray[np.float64]:
    """Log odds of each label by its add-one smoothed share of the training rows, (rows, C).

    Args:
        train: training rows that have each label, (C,).
        total: training rows.
        rows: how often to say it.
    """
    counts = np.asarray(train, np.float64)
    return np.tile(np.log(counts + 1) - np.log(total - counts + 1), (rows, 1))


def _unigram_nll(train: Counts, scored: Counts) -> float:
    """Summed nats of the scored counts under add-one smoothed training counts, both (V,)."""
    log_p = np.log(train + 1.0) - math.log(int(train.sum()) + len(train))
    return float(-(scored @ log_p))
