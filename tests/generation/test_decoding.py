"""The loop against forward passes without a cache, and against transformers."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from lmkit.generation.continuation import Continuation, TextStream
from lmkit.generation.decoding import CausalDecoder
from lmkit.generation.sampling import Strategy

GREEDY = Strategy(temperature=0.0)
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
MORE = {**SIZES, "intermediate_size": 48, "max_position_embeddings": 64}
KINDS = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    "gpt_neo": {
        "hidden_size": 32, "num_layers": 2, "num_heads": 4, "max_position_embeddings": 64,
        "attention_types": [[["global", "local"], 1]], "window_size": 8,
    },
    "gpt_neox": MORE,
    "llama": {**MORE, "num_key_value_heads": 2},
    "mistral": {**MORE, "num_key_value_heads": 2, "sliding_window": 6},
    "opt": {**SIZES, "ffn_dim": 48, "word_embed_proj_dim": 32, "max_position_embeddings": 64},
    "bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 4},
    "bert": {**MORE, "is_decoder": True, "pad_token_id": 0},
    "roberta": {**MORE, "is_decoder": True, "pad_token_id": 1},
    "lstm": {"embedding_size": 16, "hidden_size": 32},
}  # fmt: skip
PROMPTS = ([7, 8, 9], [100], [50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60], [3, 3, 3])


def _write(model, tokenizer, prompts, strategy=GREEDY, *, limit=12, ends=frozenset(), **text):
    rows = [
        Continuation(ids, key=(i, 0), limit=limit, text=TextStream(tokenizer, ids, **text))
        for i, ids in prompts
    ]
    CausalDecoder(model, strategy, ends).write(rows)
    return [row.tokens for row in rows]


@torch.inference_mode()
def _without_cache(model, prompt, steps):
    """The likeliest tokens, each from a forward pass over the whole text; ids as a first batch."""
    ids = torch.tensor([prompt])
    for _ in range(steps):
        ids = torch.cat([ids, model(input_ids=ids).logits[:, -1:].argmax(-1)], -1)
    return ids[0, len(prompt) :].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_mixed_lengths_is_greedy_as_each_prompt_alone(make_model, byte_tokenizer, kind):
    model = make_model(AutoModelForCausalLM, kind, **KINDS[kind])
    expected = [_without_cache(model, prompt, 12) for prompt in PROMPTS]
    together = _write(model, byte_tokenizer, list(enumerate(PROMPTS)))
    alone = [_write(model, byte_tokenizer, [(0, prompt)])[0] for prompt in PROMPTS]
    assert together == expected
    assert alone == expected


def test_greedy_is_what_transformers_generates(make_model, byte_tokenizer):
    model = make_model(AutoModelForCausalLM, "gpt2", **KINDS["gpt2"])
    for prompt, tokens in zip(
        PROMPTS, _write(model, byte_tokenizer, list(enumerate(PROMPTS))), strict=True
    ):
        found = model.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            do_sample=False, max_new_tokens=12, eos_token_id=None,
        )  # fmt: skip
        assert found[0, len(prompt) :].tolist() == tokens


@pytest.mark.parametrize("kind", ["gpt2", "mistral", "lstm"])
def test_rows_that_end_leave_and_the_others_go_on_alike(make_model, byte_tokenizer, kind):
    model = make_model(AutoModelForCausalLM, kind, **KINDS[kind])
    strategy = Strategy(seed=5, temperature=1.5, repetition_penalty=1.2)
    prompts = list(enumerate(PROMPTS))
    whole = _write(model, byte_tokenizer, prompts, strategy)
    ends = frozenset({whole[0][3], whole[2][1], whole[3][7]})
    cut = _write(model, byte_tokenizer, prompts, strategy, ends=ends)
    assert cut == [_until(tokens, ends) for tokens in whole]
    assert len({len(tokens) for tokens in cut}) > 2


def _until(tokens, ends):
    return tokens[: next((i for i, token in enumerate(tokens) if token in ends), len(tokens))]


def test_a_stop_string_ends_one_row_only(make_model, byte_tokenizer):
    model = make_model(AutoModelForCausalLM, "gpt2", **KINDS["gpt2"])
    prompts = list(enumerate(PROMPTS))
    strategy = Strategy(seed=1)
    whole = _write(model, byte_tokenizer, prompts, strategy)
    stop = byte_tokenizer.decode(whole[1][:4])[:1]
    stopped = _write(model, byte_tokenizer, prompts, strategy, stops=(stop,))
    for before, after in zip(whole, stopped, strict=True):
        assert after == before[: len(after)]
        if stop not in byte_tokenizer.decode(before):
            assert after == before
    assert len(stopped[1]) <= 4


def test_sampling_is_the_same_in_any_batch(make_model, byte_tokenizer):
    model = make_model(AutoModelForCausalLM, "gpt2", **KINDS["gpt2"])
    strategy = Strategy(seed=9, temperature=1.3, top_p=0.95)
    prompts = list(enumerate(PROMPTS))
    together = _write(model, byte_tokenizer, prompts, strategy)
    assert _write(model, byte_tokenizer, prompts[::-1], strategy)[::-1] == together
    assert [_write(model, byte_tokenizer, [pair], strategy)[0] for pair in prompts] == together
    other = _write(model, byte_tokenizer, prompts, Strategy(seed=10, temperature=1.3, top_p=0.95))
    assert other != together


def test_what_the_loop_serves(make_model):
    gpt2 = make_model(AutoModelForCausalLM, "gpt2", **KINDS["gpt2"])
    assert CausalDecoder.serves(gpt2)
    assert not CausalDecoder(gpt2, GREEDY, frozenset()).one_length
    first = make_model(AutoModelForCausalLM, "openai-gpt", **KINDS["gpt2"])
    assert not CausalDecoder.serves(first)  # the first GPT has no cache
    t5 = make_model(AutoModelForSeq2SeqLM, "t5", d_model=32, d_ff=48, num_layers=1, num_heads=2)
    assert not CausalDecoder.serves(t5)
