"""Objectives against torch's own, written-out formulas, and sums over parts of a batch."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from lmkit.labels import IGNORED
from lmkit.models.objectives import BinaryCrossEntropy, CrossEntropy, SquaredError

WEIGHTS = [0.5, 2.0, 1.0]


@pytest.fixture
def logits():
    return torch.randn(6, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)


CLASSES = torch.tensor([0, 2, 1, IGNORED, 1, 0])
MANY = torch.tensor([[1, 0, 1], [0, 0, 0], [1, 1, 1], [IGNORED] * 3, [0, 1, 0], [0, 0, 1]]).float()
NUMBERS = torch.tensor([0.5, -100.0, 2.0, float("nan"), 1.0, 3.0])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_cross_entropy_is_that_of_torch(logits, weights, smoothing):
    theirs = functional.cross_entropy(
        logits, CLASSES, None if weights is None else torch.tensor(weights),
        ignore_index=IGNORED, reduction="sum", label_smoothing=smoothing,
    )  # fmt: skip
    assert torch.equal(CrossEntropy(weights)(logits, CLASSES, smoothing), theirs)
    focal = CrossEntropy(weights, gamma=1e-9)(logits, CLASSES, smoothing)
    torch.testing.assert_close(focal, theirs)  # the two ways through it agree where they meet


def test_focal_loss_is_that_of_the_paper(logits):
    """FL(p) = -alpha (1 - p)^gamma log p, row by row."""
    found = CrossEntropy(WEIGHTS, gamma=2.0)(logits, CLASSES)
    total = 0.0
    for row, label in zip(logits.detach().numpy(), CLASSES.tolist(), strict=True):
        if label != IGNORED:
            p = np.exp(row[label]) / np.exp(row).sum()
            total += WEIGHTS[label] * (1 - p) ** 2 * -np.log(p)
    assert found.item() == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_binary_cross_entropy_is_that_of_torch(logits, weights):
    counted = [0, 1, 2, 4, 5]
    theirs = functional.binary_cross_entropy_with_logits(
        logits[counted], MANY[counted], reduction="sum",
        pos_weight=None if weights is None else torch.tensor(weights),
    )  # fmt: skip
    torch.testing.assert_close(BinaryCrossEntropy(weights)(logits, MANY), theirs)
    smoothed = functional.binary_cross_entropy_with_logits(
        logits[counted], MANY[counted] * 0.8 + 0.1, reduction="sum"
    )
    torch.testing.assert_close(BinaryCrossEntropy()(logits, MANY, 0.2), smoothed)


def test_binary_focal_loss_is_that_of_the_paper(logits):
    found = BinaryCrossEntropy(gamma=2.0)(logits, MANY)
    p = 1 / (1 + np.exp(-logits.detach().numpy()))
    true = np.where(MANY.numpy() == 1, p, 1 - p)
    cells = (1 - true) ** 2 * -np.log(true)
    assert found.item() == pytest.approx(cells[[0, 1, 2, 4, 5]].sum(), rel=1e-5)


def test_squared_error_is_that_of_torch(logits):
    counted = [0, 1, 2, 4, 5]
    theirs = functional.mse_loss(logits[counted, 0], NUMBERS[counted], reduction="sum")
    torch.testing.assert_close(SquaredError()(logits[:, :1], NUMBERS), theirs)


@pytest.mark.parametrize(
    ("objective", "labels"),
    [
        (CrossEntropy(WEIGHTS, 2.0), CLASSES),
        (CrossEntropy(WEIGHTS), CLASSES),
        (BinaryCrossEntropy(WEIGHTS, 2.0), MANY),
        (SquaredError(), NUMBERS),
    ],
)
def test_parts_of_a_batch_sum_to_the_whole(logits, objective, labels):
    """So that the gradient of a step does not depend on how its rows are dealt out."""
    wide = logits if labels.ndim == 2 or labels is CLASSES else logits[:, :1]
    (whole,) = torch.autograd.grad(objective(wide, labels), logits, retain_graph=True)
    parts = torch.zeros_like(whole)
    for at in range(0, 6, 2):
        part = objective(wide[at : at + 2], labels[at : at + 2])
        parts += torch.autograd.grad(part, logits, retain_graph=True)[0]
    torch.testing.assert_close(parts, whole)
    assert bool(whole.isfinite().all())
    assert not bool(whole[3].any())  # the filler
    only = torch.autograd.grad(objective(wide[3:4], labels[3:4]), logits)[0]
    assert not bool(only.any())


def test_a_certain_answer_has_a_gradient():
    sure = torch.tensor([[60.0, 0.0, 0.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(CrossEntropy(gamma=0.5)(sure, torch.tensor([0])), sure)
    assert bool(gradient.isfinite().all())
