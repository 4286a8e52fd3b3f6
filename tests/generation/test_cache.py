"""The growing cache holds what a cache of transformers holds, whatever is done with it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM
from transformers.cache_utils import DynamicCache, DynamicLayer

from lmkit.generation import cache as cache_module
from lmkit.generation.cache import GrowingLayer, with_room

STEPS = st.lists(
    st.one_of(st.integers(1, 5), st.lists(st.integers(0, 2), min_size=1, max_size=4)),
    min_size=1,
    max_size=12,
)


@given(STEPS, st.integers(1, 6), st.integers(0, 2**31))
def test_it_holds_what_the_plain_one_holds(steps, room, seed):
    generator = torch.Generator().manual_seed(seed)
    plain, grows = DynamicLayer(), GrowingLayer()
    batch = 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache_module, "ROOM", room)
        for step in [2, *steps]:
            if isinstance(step, int):
                new = torch.randn(2, batch, 2, step, 4, generator=generator)
                wanted, found = plain.update(*new), grows.update(*new)
                assert all(torch.equal(a, b) for a, b in zip(wanted, found, strict=True))
            else:
                kept = torch.tensor([row % batch for row in step])
                batch = len(kept)
                plain.reorder_cache(kept)
                grows.reorder_cache(kept)
            assert plain.get_seq_length() == grows.get_seq_length()
            assert torch.equal(plain.keys, grows.keys)
            assert torch.equal(plain.values, grows.values)


def test_a_step_copies_nothing_while_there_is_room():
    layer = GrowingLayer()
    one = torch.ones(1, 1, 1, 2)
    layer.update(one, one)
    layer.update(one, one)
    start = layer.keys.data_ptr()
    for _ in range(cache_module.ROOM - 1):
        layer.update(one, one)
    assert layer.keys.data_ptr() == start
    assert layer.keys.shape[-2] == cache_module.ROOM + 1


def test_layers_of_another_kind_stay(make_model):
    model = make_model(
        AutoModelForCausalLM, "mistral", hidden_size=32, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, intermediate_size=48, sliding_window=6,
    )  # fmt: skip
    cache = model(torch.arange(5, 9)[None], use_cache=True).past_key_values
    kinds = [type(layer) for layer in cache.layers]
    assert DynamicLayer not in kinds
    assert [type(layer) for layer in with_room(cache).layers] == kinds
    assert with_room(None) is None
    empty = DynamicCache()
    assert with_room(empty) is empty
