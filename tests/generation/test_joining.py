"""Texts that come and go are those that are written alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from lmkit.errors import ModelError
from lmkit.generation.continuation import Continuation, TextStream
from lmkit.generation.decoding import CausalDecoder
from lmkit.generation.joining import JoiningDecoder, JoiningText
from lmkit.generation.sampling import Strategy
from tests.generation.test_decoding import KINDS

GREEDY = Strategy(temperature=0.0)
ASKED = st.tuples(
    st.integers(0, 9),  # the step at which it comes
    st.lists(st.integers(0, 255), min_size=1, max_size=9),
    st.integers(1, 8),  # tokens
    st.sampled_from([GREEDY, Strategy(seed=3), Strategy(seed=4, repetition_penalty=1.5)]),
    st.integers(1, 12),  # the steps after which it is left
)


def _row(tokenizer, ids, limit):
    return Continuation(ids, key=(0, 0), limit=limit, text=TextStream(tokenizer, ids))


def _alone(model, tokenizer, ids, limit, strategy=GREEDY, ends=frozenset()):
    row = _row(tokenizer, ids, limit)
    CausalDecoder(model, strategy, ends).write([row])
    return row.tokens


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"mistral", "lstm"}))
def test_every_model_writes_the_same(make_model, byte_tokenizer, kind):
    model = make_model(AutoModelForCausalLM, kind, **KINDS[kind])
    assert JoiningDecoder.joins(model)
    decoder = JoiningDecoder(model)
    asked = [([7, 8, 9], 9), ([50] * 11, 3), ([100], 7), ([60, 61, 62, 63], 5), ([1, 2], 1)]
    texts = [JoiningText(_row(byte_tokenizer, *one), GREEDY, frozenset()) for one in asked]
    decoder.admit(texts[:1])
    decoder.step()
    decoder.admit(texts[1:3])
    decoder.step()
    decoder.admit(texts[3:])
    while decoder.texts:
        decoder.step()
    for text, one in zip(texts, asked, strict=True):
        assert text.row.tokens == _alone(model, byte_tokenizer, *one)


def test_any_order_of_coming_and_going(make_model, byte_tokenizer):
    model = make_model(AutoModelForCausalLM, "gpt2", **KINDS["gpt2"])
    ends = frozenset({3, 5, 8})

    @given(st.lists(ASKED, min_size=1, max_size=6))
    @settings(max_examples=12, deadline=None)
    def check(asked):
        decoder = JoiningDecoder(model)
        texts = [JoiningText(_row(byte_tokenizer, *a[1:3]), a[3], ends) for a in asked]
        for step in range(30):
            come = [t for t, one in zip(texts, asked, strict=True) if one[0] == step]
            if come:
                decoder.admit(come)
            for text, one in zip(texts, asked, strict=True):
                text.left |= step >= one[0] + one[4]
            decoder.step()
            if decoder.texts:  # nothing is kept that all texts have no use for
                state = decoder._state
                assert state.mask[:, 0].any()
                assert state.cache.get_seq_length() == state.mask.shape[1]
        assert decoder.texts == []
        for text, (_, ids, limit, strategy, _) in zip(texts, asked, strict=True):
            wanted = _alone(model, byte_tokenizer, ids, limit, strategy, ends)
            found = text.row.tokens
            assert found == (wanted[: len(found)] if text.left else wanted)

    check()


def test_models_whose_texts_cannot_be_put_beside_others(make_model):
    for kind in ("mistral", "lstm", "openai-gpt"):
        config = KINDS.get(kind, KINDS["gpt2"])
        assert not JoiningDecoder.joins(make_model(AutoModelForCausalLM, kind, **config))


def test_a_new_text_that_fails_leaves_the_others(make_model, byte_tokenizer):
    model = make_model(AutoModelForCausalLM, "gpt2", **KINDS["gpt2"])
    decoder = JoiningDecoder(model)
    first = JoiningText(_row(byte_tokenizer, [7, 8], 6), GREEDY, frozenset())
    decoder.admit([first])
    with pytest.raises(IndexError):
        decoder.admit([JoiningText(_row(byte_tokenizer, [999], 6), GREEDY, frozenset())])
    assert decoder.texts == [first]
    decoder.step()
    with torch.no_grad():
        model.lm_head.weight.fill_(torch.nan)
    with pytest.raises(ModelError, match="not finite"):
        decoder.step()
    assert decoder.texts == []
