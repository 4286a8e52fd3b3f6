"""Loss, perplexity and bits per byte of a language model, from summed log-likelihoods.

Each document is scored by itself, and a corpus is one long sum: `loss` is the sum of the negative
log-likelihoods of all predicted tokens over their number, never a mean of means of batches, rows or
documents, which would weigh a token by the company it keeps. `perplexity` is its exponential.
`bits_per_byte` is the same sum in bits over the UTF-8 bytes of the text (Gao et al. 2020, The Pile,
section 3.1, arXiv:2101.00027): unlike the others it can be compared across tokenizers, and with a
file compressor. Shape letters: N windows, D documents.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmkit.errors import DataError
from lmkit.evaluation.interval import Floats, Interval, bootstrap_ratio, wilson
from lmkit.evaluation.paired import Units

Rows = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Documents:
    """Sums over the windows of each document, all float64 of shape (D,)."""

    nll: Floats
    """Negative log-likelihood of the predicted tokens, in nats."""
    count: Floats
    """Predicted tokens."""
    bytes: Floats
    """UTF-8 bytes of the text; 0 where one token of the corpus is unknown."""
    correct: Floats
    """Predicted tokens whose most likely token was right; 0 where the task does not count them."""


def documents(rows: Rows) -> Documents:
    """Sum windows to documents.

    Args:
        rows: lists of N values: `nll` (nats), `count` (tokens), `document` (its number), `bytes`
            (those of the whole document on one of its windows, 0 on the others), `unknown` (of the
            predicted, tokens that stand for any text that is not in the vocabulary) and, for masked
            models, `correct` (tokens).

    Raises:
        DataError: nothing at all was predicted.
    """
    names, place = np.unique(np.asarray(rows["document"], dtype=np.int64), return_inverse=True)
    zeros = np.zeros(len(place))

    def summed(key: str) -> Floats:
        weights = np.asarray(rows[key], dtype=float) if key in rows else zeros
        return np.bincount(place, weights=weights, minlength=len(names)).astype(float, copy=False)

    size = np.zeros(len(names)) if any(rows.get("unknown", ())) else summed("bytes")
    sums = Documents(summed("nll"), summed("count"), size, summed("correct"))
    if not sums.count.sum():
        raise DataError("nothing to score: the data holds no token that the model could predict")
    return sums


def causal_metrics(rows: Rows) -> dict[str, float]:
    """`loss` (nats a token), `perplexity` and `bits_per_byte` of a left-to-right model.

    `bits_per_byte` is sum(nll) / ln 2 / sum(bytes); the end token's surprise is part of the sum and
    adds no byte, so that a model that cannot tell where a text ends pays for it. Texts without a
    single byte have no `bits_per_byte`, nor have those with an unknown token: its bytes would count
    though nothing predicts them.
    """
    sums = documents(rows)
    loss = float(sums.nll.sum() / sums.count.sum())
    found = {"loss": loss, "perplexity": perplexity(loss)}
    if size := float(sums.bytes.sum()):
        found["bits_per_byte"] = bits_per_byte(float(sums.nll.sum()), size)
    return found


def masked_metrics(rows: Rows) -> dict[str, float]:
    """`loss` (nats a masked token), `perplexity` and `accuracy` (a share) over the masked tokens.

    The loss of a masked model is conditional on both sides, so its perplexity is not comparable
    with that of a causal model; there are no bits per byte.
    """
    sums = documents(rows)
    count = float(sums.count.sum())
    loss = float(sums.nll.sum() / count)
    return {
        "loss": loss,
        "perplexity": perplexity(loss),
        "accuracy": float(sums.correct.sum() / count),
    }


def causal_intervals(rows: Rows, seed: int) -> dict[str, Interval]:
    """95 % intervals of `causal_metrics`, documents drawn anew; none for a single document."""
    sums = documents(rows)
    return _loss_intervals(sums, seed) | _present(
        "bits_per_byte", bootstrap_ratio(sums.nll / math.log(2), sums.bytes, seed)
    )


def masked_intervals(rows: Rows, seed: int) -> dict[str, Interval]:
    """95 % intervals of `masked_metrics`, documents drawn anew.

    Of a single document there is only that of `accuracy`, by Wilson's formula over its tokens.
    """
    sums = documents(rows)
    accuracy = bootstrap_ratio(sums.correct, sums.count, seed)
    if accuracy is None:
        accuracy = wilson(float(sums.correct.sum()), float(sums.count.sum()))
    return _loss_intervals(sums, seed) | {"accuracy": accuracy}


def causal_units(rows: Rows) -> Units:
    """What each document adds to `causal_metrics`."""
    sums = documents(rows)
    found = {"loss": np.stack([sums.nll, sums.count])}
    if sums.bytes.any():
        found["bits_per_byte"] = np.stack([sums.nll / math.log(2), sums.bytes])
    return found


def masked_units(rows: Rows) -> Units:
    """What each document adds to `masked_metrics`."""
    sums = documents(rows)
    return {
        "loss": np.stack([sums.nll, sums.count]),
        "accuracy": np.stack([sums.correct, sums.count]),
    }


def causal_definition(context: int, stride: int | None) -> str:
    """What the numbers of a causal model mean, for people.

    Args:
        context: tokens the window holds.
        stride: tokens it moves; None: half of them.
    """
    stride = context // 2 if stride is None else stride
    return (
        "Each document is scored by itself: it starts after the begin token (else the end token), "
        "and every token and the end token are predicted once; documents longer than the context "
        f"are read through a sliding window (context {context}, stride {stride}). loss: nats a "
        "token, sum over tokens; perplexity: exp(loss); bits_per_byte: the same sum in bits over "
        "the UTF-8 bytes (left out where a token is unknown: what it hides is not predicted)."
    )


def masked_definition(context: int, share: float) -> str:
    """What the numbers of a masked model mean, for people.

    Args:
        context: tokens a piece of a document holds, special tokens included.
        share: of the tokens that are predicted.
    """
    return (
        f"Each document is scored by itself, in pieces of {context} tokens; {share:.0%} of the "
        "tokens are predicted (of them 80 % hidden, 10 % replaced, 10 % left), chosen by the seed. "
        "loss: nats a predicted token, sum over tokens; perplexity: exp(loss); accuracy: share of "
        "them whose likeliest token is right."
    )


def perplexity(loss: float) -> float:
    """exp(loss); infinite (JSON writes null) where float64 ends, at a loss of 709.8 nats."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def bits_per_byte(nll: float, size: float) -> float:
    """Nats over a text of `size` UTF-8 bytes as bits a byte."""
    return nll / math.log(2) / size


def _loss_intervals(sums: Documents, seed: int) -> dict[str, Interval]:
    """Those of `loss` and, as it is monotone in it, of `perplexity`."""
    loss = bootstrap_ratio(sums.nll, sums.count, seed)
    if loss is None:
        return {}
    return {"loss": loss, "perplexity": (perplexity(loss[0]), perplexity(loss[1]))}


def _present(name: str, interval: Interval | None) -> dict[str, Interval]:
    return {} if interval is None else {name: interval}
