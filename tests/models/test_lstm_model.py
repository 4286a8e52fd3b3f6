"""Padding, neighbors and other documents change nothing of what a text's tokens become."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmkit.labels import SEGMENTS
from lmkit.models.isolation import find_isolation
from lmkit.models.lstm import LSTMForCausalLM
from lmkit.models.lstm_config import LSTMConfig
from lmkit.models.lstm_model import LSTMModel
from lmkit.models.lstm_states import RecurrentCache

KINDS = [("lstm", False), ("lstm", True), ("gru", False), ("gru", True)]


def new(cell="lstm", both=False, cls=LSTMModel, **keys):
    """A model whose weights are large enough for every path through it to show."""
    torch.manual_seed(0)
    made = cls(
        LSTMConfig(
            vocab_size=60, embedding_size=6, hidden_size=8, cell=cell, bidirectional=both, **keys
        )
    ).eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(2)
    return made


MODELS = {kind: new(*kind) for kind in KINDS}
TEXTS = st.lists(st.lists(st.integers(1, 59), min_size=1, max_size=9), min_size=1, max_size=5)


@torch.no_grad()
def alone(model, text):
    return model(torch.tensor([text])).last_hidden_state[0]


@given(TEXTS, st.sampled_from(KINDS), st.integers(0, 3), st.data())
@settings(max_examples=25)
def test_padding_on_any_side_changes_nothing(texts, kind, more, data):
    model, width = MODELS[kind], max(map(len, texts)) + more
    ids = torch.zeros(len(texts), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    places = []
    for row, text in enumerate(texts):
        at = data.draw(st.integers(0, width - len(text)))
        places.append(slice(at, at + len(text)))
        ids[row, places[-1]], mask[row, places[-1]] = torch.tensor(text), 1
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    for given_ in ({}, {"position_ids": positions}):
        for cached in (False, True):
            with torch.no_grad():
                found = model(ids, attention_mask=mask, use_cache=cached, **given_)
            for row, text in enumerate(texts):
                states = found.last_hidden_state[row, places[row]]
                torch.testing.assert_close(states, alone(model, text), atol=1e-6, rtol=1e-5)


@given(TEXTS, st.sampled_from(["lstm", "gru"]))
@settings(max_examples=30)
def test_documents_of_a_row_do_not_see_one_another(texts, cell):
    model = MODELS[cell, False]
    positions = [place for text in texts for place in range(len(text))]
    ids = torch.tensor([[token for text in texts for token in text]])
    with torch.no_grad():
        found = model(ids, position_ids=torch.tensor([positions])).last_hidden_state[0]
    expected = torch.cat([alone(model, text) for text in texts])
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@torch.no_grad()
def test_reading_on_is_reading_at_once(cell):
    """Left padding in the first part, and rows that are padding alone keep their states."""
    model = MODELS[cell, False]
    ids = torch.randint(1, 60, (3, 9))
    mask = torch.ones_like(ids)
    mask[1, :3] = mask[2, :4] = 0
    whole = model(ids, attention_mask=mask).last_hidden_state
    cache = RecurrentCache(2)
    parts = []
    for columns in (slice(0, 4), slice(4, 5), slice(5, 9)):
        seen = mask[:, : columns.stop]  # all columns so far, as transformers gives them
        found = model(ids[:, columns], attention_mask=seen, past_key_values=cache)
        assert found.past_key_values is cache
        parts.append(found.last_hidden_state)
    real = mask.bool()
    torch.testing.assert_close(torch.cat(parts, 1)[real], whole[real], atol=1e-6, rtol=1e-5)
    assert cache.get_seq_length() == 9


@pytest.mark.parametrize("block_size", [3, 40])
def test_packed_documents_are_isolated_by_positions(block_size):
    model = new(cls=LSTMForCausalLM)
    isolation = find_isolation(model, block_size=block_size, causal=True)
    assert isolation.way == "positions"
    segments = torch.tensor([[1, 2, 2, 2, 3, 3, 0, 0]])
    ids = torch.tensor([[5, 6, 7, 8, 9, 10, 0, 0]])
    inputs = isolation.inputs(model, {"input_ids": ids, SEGMENTS: segments})
    packed = model(ids, position_ids=inputs["position_ids"]).logits[0, 1:4]
    torch.testing.assert_close(packed, model(ids[:, 1:4]).logits[0], atol=1e-6, rtol=1e-5)


def test_gradients_are_those_of_the_texts_alone():
    model = new(both=True)
    texts = [[1, 2, 3, 4, 5], [7, 8], [9, 10, 11]]
    ids, mask = torch.zeros(3, 5, dtype=torch.long), torch.zeros(3, 5)
    for row, text in enumerate(texts):
        ids[row, 5 - len(text) :], mask[row, 5 - len(text) :] = torch.tensor(text), 1
    found = model(ids, attention_mask=mask).last_hidden_state
    (found.square().sum()).backward()
    together = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    for text in texts:
        model(torch.tensor([text])).last_hidden_state.square().sum().backward()
    for one, weight in zip(together, model.parameters(), strict=True):
        torch.testing.assert_close(one, weight.grad, atol=1e-5, rtol=1e-4)


def test_dropout_only_in_training_and_a_new_forget_gate_is_open():
    shares = dict.fromkeys(
        ("embedding_dropout", "hidden_dropout", "output_dropout", "recurrent_dropout"), 0.5
    )
    model, plain = new(**shares), new()
    ids = torch.randint(1, 60, (2, 5))
    assert torch.equal(model(ids).last_hidden_state, plain(ids).last_hidden_state)
    model.train()
    assert not torch.equal(model(ids).last_hidden_state, model(ids).last_hidden_state)
    fresh = LSTMModel(LSTMConfig(vocab_size=60, hidden_size=8)).layers.rightward[0].weights
    gates = (fresh.bias_ih_l0 + fresh.bias_hh_l0).detach().view(4, 8)
    assert gates[1].tolist() == [1.0] * 8
    assert gates[[0, 2, 3]].abs().max() <= 2 * 8**-0.5


def test_what_it_cannot_read_is_refused():
    model, ids = MODELS["lstm", False], torch.ones(1, 3, dtype=torch.long)
    with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
        model()
    with pytest.raises(ValueError, match="two dimensions"):
        model(ids, attention_mask=torch.zeros(1, 1, 3, 3))
    with pytest.raises(TypeError, match="a RecurrentCache is needed"):
        model(ids, past_key_values=object())
    embedded = model.embeddings(ids)
    by_ids, by_vectors = model(ids), model(inputs_embeds=embedded)
    assert torch.equal(by_ids.last_hidden_state, by_vectors.last_hidden_state)
    assert MODELS["lstm", True](ids, use_cache=True).past_key_values is None
