"""How well the right text is found among many: ranks, recall at k, and the likelihood of a query.

Shape letters: N queries (the rows of a split), P texts of a row, M candidates, D width.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmkit.evaluation.interval import Interval, bootstrap_ratio, wilson
from lmkit.evaluation.paired import Units, shares

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Similarity = Callable[[slice], Floats]
"""From some of the N queries to how near all M candidates are to each, (q, M)."""

AT = (1, 5, 10)
"""The k of `recall_at_k`."""
_CELLS = 1 << 22  # similarities held at a time (32 MB)


@dataclass(frozen=True)
class Candidates:
    """The unlike texts that queries are to find their own among."""

    first: Integers
    """Where each candidate stands first among the N * (P - 1) texts that are no queries, (M,)."""
    own: Integers
    """The candidate that is right for each query, (N,)."""
    beside: list[Integers]
    """For each query the candidates that are neither right nor wrong: what is right for another
    row with an equal query, and the query's own text."""

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True)
class Ranked:
    """What became of each query."""

    rank: Integers
    """The place of the right candidate, from 1; one as near counts as before it, (N,)."""
    nll: Floats
    """-log of the softmax of nearness over the temperature, at the right candidate: nats, (N,)."""


def candidates_of(keys: ArrayLike) -> Candidates:
    """The candidates of a split.

    Args:
        keys: (N, P), equal where texts are equal; of each row its query, the text to find for it
            and, where P is 3, one that is wrong.
    """
    known = np.asarray(keys, np.int64)
    unlike, first, place = np.unique(known[:, 1:], return_index=True, return_inverse=True)
    own = place.reshape(len(known), -1)[:, 0]
    at = {key: number for number, key in enumerate(unlike.tolist())}
    right: dict[int, set[int]] = defaultdict(set)
    for query, candidate in zip(known[:, 0].tolist(), own.tolist(), strict=True):
        right[query].add(candidate)
    beside = []
    for query, candidate in zip(known[:, 0].tolist(), own.tolist(), strict=True):
        same = {at[query]} if query in at else set()
        beside.append(np.array(sorted((right[query] | same) - {candidate}), dtype=np.int64))
    return Candidates(first.astype(np.int64), own.astype(np.int64), beside)


def rank(similarity: Similarity, candidates: Candidates, temperature: float) -> Ranked:
    """Rank all candidates for each query, in blocks that bound the memory.

    Args:
        similarity: how near the candidates are.
        candidates: among which is searched.
        temperature: nearness is divided by it for `nll`.
    """
    count = len(candidates.own)
    ranks, nll = np.zeros(count, np.int64), np.zeros(count)
    size = max(1, _CELLS // len(candidates))
    for start in range(0, count, size):
        block = slice(start, min(start + size, count))
        near = np.array(similarity(block), dtype=np.float64)  # (q, M)
        for line, beside in zip(near, candidates.beside[block], strict=True):
            line[beside] = -np.inf
        own = np.take_along_axis(near, candidates.own[block, None], axis=1)  # (q, 1)
        ranks[block] = (near >= own).sum(axis=1)
        nll[block] = np.log(np.exp((near - own) / temperature).sum(axis=1))
    return Ranked(ranks, nll)


def rank_vectors(vectors: NDArray[Any], keys: ArrayLike, temperature: float) -> Ranked:
    """Rank by the cosines of vectors.

    Args:
        vectors: (N, P, D).
        keys: (N, P), see `candidates_of`.
        temperature: see `rank`.
    """
    candidates = candidates_of(keys)
    unit = np.asarray(vectors, np.float64)
    unit = unit / np.maximum(np.linalg.norm(unit, axis=-1, keepdims=True), 1e-12)
    others = unit[:, 1:].reshape(-1, unit.shape[-1])[candidates.first]  # (M, D)

    def cosines(block: slice) -> Floats:
        near: Floats = unit[block, 0] @ others.T
        return near

    return rank(cosines, candidates, temperature)


def retrieval_metrics(found: Ranked) -> dict[str, float]:
    """`loss` (nats a query), `recall_at_k` and `mrr`, the mean of 1 / rank (Voorhees 1999)."""
    recalls = {f"recall_at_{k}": float((found.rank <= k).mean()) for k in AT}
    loss = math.fsum(found.nll) / len(found.nll)
    return {"loss": loss, **recalls, "mrr": float((1 / found.rank).mean())}


def retrieval_units(found: Ranked) -> Units:
    """What each query adds to `retrieval_metrics`."""
    recalls = {f"recall_at_{k}": shares(found.rank <= k) for k in AT}
    return {"loss": shares(found.nll), "mrr": shares(1 / found.rank), **recalls}


def retrieval_intervals(found: Ranked, seed: int) -> dict[str, Interval]:
    """Wilson's for the recalls, a bootstrap over the queries for the others."""
    ones = np.ones(len(found.rank))
    ends = {
        "loss": bootstrap_ratio(found.nll, ones, seed),
        "mrr": bootstrap_ratio(1 / found.rank, ones, seed),
    }
    return {name: pair for name, pair in ends.items() if pair is not None} | {
        f"recall_at_{k}": wilson(float((found.rank <= k).sum()), len(found.rank)) for k in AT
    }
