"""The label that is not predicted, against the libraries beneath."""

import torch
from torch.nn import functional
from transformers import DataCollatorForTokenClassification

from lmkit.labels import IGNORED


def test_torch_ignores_it_without_being_told():
    logits = torch.randn(3, 5)
    labels = torch.tensor([2, IGNORED, 4])
    found = functional.cross_entropy(logits, labels, reduction="sum")
    expected = functional.cross_entropy(logits[[0, 2]], labels[[0, 2]], reduction="sum")
    torch.testing.assert_close(found, expected)


def test_transformers_pads_labels_with_it():
    assert DataCollatorForTokenClassification.label_pad_token_id == IGNORED
