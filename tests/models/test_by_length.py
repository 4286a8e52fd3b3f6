"""Short and long texts in parts: nothing lost, fewer places, equal vectors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModel, BertConfig

from lmkit.models.by_length import parts_by_length, places_by_length, run_by_length
from lmkit.models.pooling import Pooling

NAMES = ("input_ids", "attention_mask", "token_type_ids")


def places(lengths, parts):
    return sum(len(part) * int(lengths[part].max()) for part in parts)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=60))
def test_each_text_is_in_one_part_and_no_place_is_added(lengths):
    lengths = np.array(lengths)
    parts = parts_by_length(lengths)
    assert sorted(np.concatenate(parts)) == list(range(len(lengths)))
    assert 1 <= len(parts) <= 4
    assert places_by_length(lengths) == places(lengths, parts) <= len(lengths) * lengths.max()
    ends = [(lengths[part].min(), lengths[part].max()) for part in parts]
    assert ends == sorted(ends)


def test_the_cut_is_the_best_of_all():
    lengths = np.random.default_rng(0).integers(1, 100, 40)
    ascending = np.sort(lengths)
    best = min(n * ascending[n - 1] + (40 - n) * ascending[-1] for n in range(1, 40))
    assert places(lengths, parts_by_length(lengths, depth=1)) == best


def test_questions_and_their_documents_are_told_apart():
    lengths = np.array([8, 128, 10, 128, 9, 120])
    assert [sorted(part) for part in parts_by_length(lengths)] == [[0, 2, 4], [1, 3, 5]]


def test_texts_of_like_length_stay_together():
    assert len(parts_by_length(np.array([60, 64, 62, 61]))) == 1


@pytest.mark.parametrize("mode", ["mean", "cls", "last"])
def test_vectors_and_gradients_are_those_of_one_batch(mode):
    torch.manual_seed(0)
    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                        intermediate_size=32, hidden_dropout_prob=0.0,
                        attention_probs_dropout_prob=0.0)  # fmt: skip
    model, pooling, calls = AutoModel.from_config(config), Pooling(mode, True), []
    lengths = torch.tensor([3, 30, 5, 5, 28, 17, 4, 30])
    ids = torch.randint(1, 50, (8, 30))
    mask = (torch.arange(30) < lengths[:, None]).long()
    batch = {"input_ids": ids * mask, "attention_mask": mask, "labels": torch.zeros(8)}

    def run(part):
        calls.append(tuple(part["input_ids"].shape))
        given = {name: part[name] for name in NAMES if name in part}
        return pooling(model(**given).last_hidden_state, part.get("attention_mask"))

    found = []
    for way in (run, lambda given: run_by_length(run, given, NAMES)):
        model.zero_grad()
        vectors = way(batch)
        (vectors * torch.arange(16)).sum().backward()
        grads = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        found.append((vectors.detach(), grads))
    assert calls[0] == (8, 30)
    assert len(calls) > 2
    assert sum(rows * width for rows, width in calls[1:]) < 0.7 * 8 * 30
    torch.testing.assert_close(found[1][0], found[0][0], atol=1e-6, rtol=0)
    for name, grad in found[0][1].items():
        torch.testing.assert_close(found[1][1][name], grad, atol=2e-5, rtol=1e-4)


def test_without_padding_there_is_one_call():
    calls = []
    run_by_length(lambda given: calls.append(given) or torch.zeros(2), {"input_ids": 1}, NAMES)
    assert calls == [{"input_ids": 1}]
