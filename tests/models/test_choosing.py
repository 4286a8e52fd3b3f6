"""Choosing among candidates against the formulas, row by row."""

import math

import pytest
import torch
from torch.nn import functional

from lmkit.models.choosing import in_batch_nll, log_likelihoods, nll_among, places


def test_without_a_mask_it_is_torchs_cross_entropy():
    scores, gold = torch.randn(5, 4), torch.tensor([0, 3, 1, 1, 2])
    allowed = torch.ones(5, 4, dtype=torch.bool)
    for smoothing in (0.0, 0.2):
        wanted = functional.cross_entropy(scores, gold, reduction="none", label_smoothing=smoothing)
        torch.testing.assert_close(nll_among(scores, allowed, gold, smoothing), wanted)


def test_what_is_not_allowed_is_as_if_it_were_not_there():
    scores = torch.randn(1, 5, requires_grad=True)
    allowed = torch.tensor([[True, False, True, True, False]])
    found = nll_among(scores, allowed, torch.tensor([2]), 0.1)
    left = scores[:, [0, 2, 3]]
    wanted = functional.cross_entropy(left, torch.tensor([1]), label_smoothing=0.1)
    torch.testing.assert_close(found.sum(), wanted)
    (gradient,) = torch.autograd.grad(found.sum(), scores)
    assert gradient[0, [1, 4]].tolist() == [0.0, 0.0]
    assert torch.isfinite(gradient).all()


def test_rows_have_so_many_places():
    assert places(torch.tensor([2, 1, 3])).tolist() == [
        [True, True, False], [True, False, False], [True, True, True],
    ]  # fmt: skip


def test_likelihoods_are_summed_by_sequence():
    logits, gold = torch.randn(3, 7), torch.tensor([1, 6, 0])
    wanted = torch.tensor([[False, True, False], [True, False, True]])
    log_p = logits.log_softmax(-1)[torch.arange(3), gold]
    found = log_likelihoods(logits, gold, wanted)
    torch.testing.assert_close(found, torch.stack([log_p[0], log_p[1] + log_p[2]]))


@pytest.mark.parametrize("texts", [2, 3])
def test_in_batch_negatives_by_the_formula(texts):
    """-log exp(s(a, p) / t) / sum over all candidates of exp(s(a, c) / t)."""
    torch.manual_seed(0)
    vectors, keys = torch.randn(4, texts, 8), torch.arange(4 * texts).reshape(4, texts)
    found = in_batch_nll(vectors, keys, 0.5)
    for row in range(4):
        near = [
            math.exp(
                float(functional.cosine_similarity(vectors[row, 0], vectors[i, j], dim=0)) / 0.5
            )
            for j in range(1, texts)
            for i in range(4)
        ]
        assert found[row].item() == pytest.approx(-math.log(near[row] / sum(near)), abs=1e-5)


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ([[0, 1], [2, 3], [4, 5]], [{1, 2}, {0, 2}, {0, 1}]),
        ([[0, 1], [2, 1], [4, 5]], [{2}, {2}, {0, 1}]),  # equal positives
        ([[0, 1], [0, 3], [4, 5]], [{2}, {2}, {0, 1}]),  # equal anchors
        ([[0, 1], [2, 0], [4, 5]], [{2}, {0, 2}, {0, 1}]),  # an anchor that is a positive
        # of triples the negatives of an equal anchor stay: 3, 4, 5 are the negatives
        ([[0, 1, 6], [0, 3, 7], [4, 5, 1]], [{2, 3, 4}, {2, 3, 4, 5}, {0, 1, 3, 4, 5}]),
    ],
)
def test_what_is_right_is_no_negative(keys, wrong):
    torch.manual_seed(0)
    vectors = functional.normalize(torch.randn(3, len(keys[0]), 8), dim=-1)
    found = in_batch_nll(vectors, torch.tensor(keys), 1.0)
    candidates = vectors[:, 1:].transpose(0, 1).reshape(-1, 8)
    for row, others in enumerate(wrong):
        near = (vectors[row, 0] @ candidates.T).exp()
        total = near[row] + sum(near[i] for i in others)
        torch.testing.assert_close(found[row], -(near[row] / total).log())


def test_one_row_alone_has_nothing_to_choose():
    assert in_batch_nll(torch.randn(1, 2, 4), torch.tensor([[0, 1]]), 0.1).tolist() == [0.0]
