"""Integrated gradients by the definition written out, and what their sum is."""

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from lmkit.models.attributions import ERROR, integrated_gradients

pytest.importorskip("captum")
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:captum")


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, num_labels=3,
    )  # fmt: skip
    made = BertForSequenceClassification(config).eval()
    with torch.no_grad():
        made.classifier.weight *= 20  # answers that differ
    return made


IDS, BASELINE = torch.tensor([[2, 7, 9, 30, 3]]), torch.tensor([[2, 0, 0, 0, 3]])


def answer(model):
    return lambda batch: model(**batch).logits.log_softmax(-1)[:, 1]


def test_the_integral_written_out(model):
    mask = torch.ones_like(IDS)
    found = integrated_gradients(
        model, answer(model), {"input_ids": IDS, "attention_mask": mask}, BASELINE
    )
    table = model.get_input_embeddings()
    here, there = table(IDS).detach(), table(BASELINE).detach()
    total, points = torch.zeros_like(here), 200
    for point in range(points):
        between = (there + (point + 0.5) / points * (here - there)).requires_grad_()
        outputs = model(inputs_embeds=between, attention_mask=mask).logits
        (gradient,) = torch.autograd.grad(outputs.log_softmax(-1)[0, 1], between)
        total += gradient / points
    wanted = ((here - there) * total).sum(-1)[0]
    torch.testing.assert_close(torch.tensor(found.tokens).float(), wanted, rtol=0.02, atol=2e-4)
    assert found.tokens[0] == found.tokens[-1] == 0  # the same in both texts


def test_the_tokens_add_up_to_the_difference(model):
    found = integrated_gradients(model, answer(model), {"input_ids": IDS}, BASELINE)
    with torch.no_grad():
        value, before = (float(answer(model)({"input_ids": ids})) for ids in (IDS, BASELINE))
    assert (found.value, found.baseline) == (value, before)
    assert found.error == pytest.approx(sum(found.tokens) - (value - before))
    assert abs(found.error) <= ERROR * abs(value - before)
    assert found.steps in (64, 256, 1024)
