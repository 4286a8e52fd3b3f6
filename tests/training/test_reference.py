"""The reference: found again by its content, scored once, and refused where it is another."""

import copy

import numpy as np
import pytest
import torch

from lmkit.data.preference_pairs import encode_pairs
from lmkit.data.rows import Row
from lmkit.errors import ModelError
from lmkit.recipe.options.preference import PreferenceOptions
from lmkit.tasks.preference import Preference
from lmkit.training.reference import Reference, reference_hash, reference_scores

TEXTS = [
    {"prompt": "the cat", "chosen": " sat on the mat", "rejected": " ran"},
    {"prompt": "a dog ran to the house on the hill", "chosen": " ran", "rejected": " sat by the"},
]


@pytest.fixture
def pairs(tiny_tokenizer):
    rows = [Row(values, f"row {number}") for number, values in enumerate(TEXTS)]
    options = PreferenceOptions(name="preference", reference="none", max_length=48)
    return encode_pairs(rows, tiny_tokenizer, None, options), Preference(options)


def test_scores_are_summed_log_probabilities(pairs, tiny_gpt2, tiny_tokenizer):
    found, task = pairs
    scores = reference_scores(found, {"a": 1}, lambda: copy.deepcopy(tiny_gpt2), task.collate)
    end = tiny_tokenizer.eos_token_id
    for values, row in zip(TEXTS, scores, strict=True):
        for side, scored in zip(("chosen", "rejected"), row, strict=True):
            prompt = tiny_tokenizer(values["prompt"])["input_ids"]
            ids = [*tiny_tokenizer(values["prompt"] + values[side])["input_ids"], end]
            with torch.no_grad():
                shares = tiny_gpt2(torch.tensor([ids])).logits[0].double().log_softmax(-1)
            by_hand = sum(float(shares[at - 1, ids[at]]) for at in range(len(prompt), len(ids)))
            assert scored == pytest.approx(by_hand, abs=1e-4)


def test_they_are_computed_once(pairs, tiny_gpt2):
    found, task = pairs
    opened = []

    def open_model():
        opened.append(1)
        return copy.deepcopy(tiny_gpt2)

    first = reference_scores(found, {"a": 1}, open_model, task.collate)
    again = reference_scores(found, {"a": 1}, open_model, task.collate)
    np.testing.assert_array_equal(first, again)
    assert len(opened) == 1
    reference_scores(found, {"a": 2}, open_model, task.collate)
    assert len(opened) == 2


def test_another_model_in_its_place_is_refused(tiny_gpt2_folder, tiny_gpt2, tiny_tokenizer):
    reference = Reference.at(str(tiny_gpt2_folder), None)
    model = reference.open(tiny_tokenizer, 48)
    assert not model.training
    with torch.no_grad():
        tiny_gpt2.transformer.wte.weight.add_(1)
    tiny_gpt2.save_pretrained(tiny_gpt2_folder)
    with pytest.raises(ModelError, match="is not the model it was: its content has the hash"):
        reference.open(tiny_tokenizer, 48)


def test_a_reference_that_is_gone(tmp_path):
    with pytest.raises(
        ModelError, match=r"reference_source: .*gone: there is no such folder; .*put it back"
    ):
        reference_hash(str(tmp_path / "gone"))
