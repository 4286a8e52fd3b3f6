"""The shared head: no logits while it is attached, and the model as it was afterwards."""

import copy

import pytest
import torch
from torch.nn import functional

from lmkit import tasks
from lmkit.labels import IGNORED
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.sections import ModelSection

GPT2 = {"n_embd": 16, "n_layer": 1, "n_head": 2}
LABELS = torch.tensor([[4, 5, 6, IGNORED], [7, IGNORED, IGNORED, IGNORED]])
BATCH = {"input_ids": torch.tensor([[3, 4, 5, 6], [3, 7, 0, 0]]), "labels": LABELS,
         "document": torch.arange(2), "bytes": torch.ones(2)}  # fmt: skip


@pytest.fixture
def built(tiny_tokenizer):
    task = tasks.build(CausalLMOptions(name="causal_lm", block_size=8))
    loader = ModelLoader(ModelSection(architecture="gpt2", config=GPT2))
    return task, task.build_model(loader, copy.deepcopy(tiny_tokenizer)).eval()


@torch.no_grad()
def test_it_scores_what_the_model_would(built):
    task, model = built
    logits = model(input_ids=BATCH["input_ids"]).logits  # (B, T, V)
    nll = functional.cross_entropy(logits.mT, LABELS, reduction="none").sum(1)
    task.attach(model)
    outputs = task.forward(model, BATCH)
    assert outputs.logits.shape[-1] == GPT2["n_embd"]  # states, whatever the vocabulary
    rows = task.reduce(outputs, BATCH)
    assert rows["nll"] == pytest.approx(nll.tolist(), rel=1e-5)
    assert rows["count"] == [3, 1]
    assert task.loss(outputs, BATCH).item() == pytest.approx(nll.sum().item(), rel=1e-5)
    task.detach(model)
    assert torch.equal(model(input_ids=BATCH["input_ids"]).logits, logits)


def test_a_task_without_a_model_says_so(built):
    task, model = built
    task.detach(model)  # nothing to undo
    with pytest.raises(AssertionError, match="attach comes first"):
        _ = task.head
