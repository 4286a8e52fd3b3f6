"""Losses of choosing one candidate among several. Shape letters: B rows, M candidates, D width.

Of sequences: R of them, T tokens, V vocabulary.
"""

import torch
from torch import Tensor
from torch.nn import functional


def nll_among(
    scores: Tensor, allowed: Tensor, gold: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """The negative log-likelihood of each row's own candidate among those allowed, in nats: (B,).

    Args:
        scores: (B, M).
        allowed: (B, M) bool; what is not allowed takes no part in the softmax.
        gold: (B,) the candidate that is right; it is allowed.
        label_smoothing: e in (1 - e) * nll + e * mean over the allowed of -log p (Szegedy et al.
            2016, section 7, arXiv:1512.00567).
    """
    log_p = scores.masked_fill(~allowed, -torch.inf).log_softmax(-1)  # (B, M)
    nll = -log_p.gather(-1, gold[:, None]).squeeze(-1)
    if not label_smoothing:
        return nll
    mean = -log_p.masked_fill(~allowed, 0.0).sum(-1) / allowed.sum(-1)
    return (1 - label_smoothing) * nll + label_smoothing * mean


def places(sizes: Tensor) -> Tensor:
    """Which of M places hold a candidate, where each row has so many: (B,) to (B, M) bool."""
    return torch.arange(int(sizes.max()), device=sizes.device) < sizes[:, None]


def log_likelihoods(logits: Tensor, gold: Tensor, wanted: Tensor) -> Tensor:
    """The summed log-likelihood of the wanted tokens of each sequence, in nats: (R,).

    Args:
        logits: (L, V) of the L wanted places, one sequence after the other.
        gold: (L,) the tokens that stand there.
        wanted: (R, T) bool, L of them true.
    """
    log_p = -functional.cross_entropy(logits.float(), gold, reduction="none")
    return log_p.new_zeros(len(wanted)).index_add(0, wanted.nonzero()[:, 0], log_p)


def in_batch_nll(
    vectors: Tensor, keys: Tensor, temperature: float, label_smoothing: float = 0.0
) -> Tensor:
    """How well each anchor finds its positive among all positives and negatives, in nats: (B,).

    Cosines over the temperature go through a softmax (InfoNCE: van den Oord et al. 2018, section
    2.3, arXiv:1807.03748; with the other rows' positives as negatives: Henderson et al. 2017,
    section 4, arXiv:1705.00652). What is right for an anchor is no negative of it: texts equal to
    its positive or to itself, and the positives of other rows with the same anchor.

    Args:
        vectors: (B, P, D), in each row those of the anchor, its positive and, where P is 3, its
            negative; B >= 1.
        keys: (B, P) int64, equal where texts are equal.
        temperature: above 0.
        label_smoothing: see `nll_among`.
    """
    unit = functional.normalize(vectors, dim=-1)
    anchors, candidates = unit[:, 0], unit[:, 1:].transpose(0, 1).flatten(0, 1)  # positives first
    anchor_keys, candidate_keys = keys[:, 0, None], keys[:, 1:].T.flatten()
    rows = len(vectors)
    right = (candidate_keys == keys[:, 1, None]) | (candidate_keys == anchor_keys)  # (B, M)
    right[:, :rows] |= anchor_keys == keys[:, 0]
    gold = torch.arange(rows, device=vectors.device)
    right[gold, gold] = False
    scores = anchors @ candidates.T / temperature  # (B, M)
    return nll_among(scores, ~right, gold, label_smoothing)
