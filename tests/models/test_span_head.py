"""The loss of spans against transformers' own, and against sums by hand."""

from types import SimpleNamespace

import pytest
import torch
from transformers import BertConfig, BertForQuestionAnswering

from lmkit.labels import IGNORED
from lmkit.models.span_head import own_tokens, span_loss, span_nll


@pytest.fixture
def batch():
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    labels = torch.tensor([[1, 3], [0, 2], [IGNORED, IGNORED]])
    return {"input_ids": torch.zeros_like(mask), "attention_mask": mask, "labels": labels}


@pytest.fixture
def outputs():
    torch.manual_seed(0)
    return SimpleNamespace(start_logits=torch.randn(3, 5), end_logits=torch.randn(3, 5))


def by_hand(outputs, batch, smoothing=0.0):
    total = 0.0
    for row, (first, last) in enumerate(batch["labels"][:2].tolist()):
        length = int(batch["attention_mask"][row].sum())
        for logits, gold in ((outputs.start_logits, first), (outputs.end_logits, last)):
            nll = -logits[row, :length].log_softmax(-1)
            total += (1 - smoothing) * nll[gold] + smoothing * nll.mean()
    return total


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_padding_and_what_is_ignored_count_nothing(outputs, batch, smoothing):
    wanted = by_hand(outputs, batch, smoothing)
    torch.testing.assert_close(span_loss(outputs, batch, smoothing), wanted)
    nll, count = span_nll(outputs, batch)
    assert sum(nll) == pytest.approx(float(by_hand(outputs, batch)))
    assert (nll[2], count) == (0.0, [2, 2, 0])


def test_gradients_are_finite_where_nothing_is_counted(outputs, batch):
    outputs.start_logits.requires_grad_()
    batch["labels"] = torch.full((3, 2), IGNORED)
    loss = span_loss(outputs, batch, 0.1)
    loss.backward()
    assert loss.item() == 0.0
    assert outputs.start_logits.grad.abs().max() == 0.0


def test_a_window_without_padding_costs_what_transformers_says():
    config = BertConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16,
    )  # fmt: skip
    model = BertForQuestionAnswering(config).eval()
    ids, labels = torch.randint(0, 30, (1, 9)), torch.tensor([[2, 5]])
    theirs = model(ids, start_positions=labels[:, 0], end_positions=labels[:, 1])
    ours = span_loss(theirs, {"input_ids": ids, "labels": labels}, 0.0)
    torch.testing.assert_close(ours / 2, theirs.loss)
    assert own_tokens({"input_ids": ids}).all()
