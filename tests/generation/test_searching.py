"""Beams, encoder-decoders and models without a cache against transformers."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from lmkit.generation.continuation import Continuation, TextStream
from lmkit.generation.sampling import Strategy
from lmkit.generation.searching import Searcher

GREEDY = Strategy(temperature=0.0)
END = 256
BART = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48,
    "max_position_embeddings": 64, "decoder_start_token_id": END, "forced_eos_token_id": None,
}  # fmt: skip
T5 = {"d_model": 32, "d_ff": 48, "num_layers": 2, "num_heads": 4, "d_kv": 8,
      "decoder_start_token_id": 0}  # fmt: skip
GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
MODELS = {
    "bart": (AutoModelForSeq2SeqLM, BART),
    "t5": (AutoModelForSeq2SeqLM, T5),
    "gpt2": (AutoModelForCausalLM, GPT),
    "openai-gpt": (AutoModelForCausalLM, GPT),
}
PROMPTS = ([7, 8, 9], [100, 101, 102], [50, 51, 52])


@pytest.fixture
def build(make_model):
    def make(kind):
        auto_class, config = MODELS[kind]
        return make_model(auto_class, kind, **config)

    return make


def _rows(tokenizer, prompts, sequences=1, limit=10, stops=()):
    return [
        Continuation(ids, key=(i, s), limit=limit, text=TextStream(tokenizer, stops=stops))
        for i, ids in prompts
        for s in range(sequences)
    ]


def _generate(model, prompt, **more):
    found = model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        do_sample=False, max_new_tokens=10, pad_token_id=END, **more,
    )  # fmt: skip
    skip = 1 if model.config.is_encoder_decoder else len(prompt)
    tokens = found[:, skip:].tolist()
    return [row[: row.index(END)] if END in row else row for row in tokens]


@pytest.mark.parametrize("kind", MODELS)
def test_greedy_is_what_transformers_generates(build, byte_tokenizer, kind):
    model = build(kind)
    rows = _rows(byte_tokenizer, list(enumerate(PROMPTS)))
    Searcher(model, byte_tokenizer, GREEDY, frozenset({END})).write(rows)
    assert [row.tokens for row in rows] == [_generate(model, p)[0] for p in PROMPTS]
    assert all(row.finish in ("end", "length") for row in rows)


@pytest.mark.parametrize("kind", ["bart", "t5"])
def test_an_encoder_reads_prompts_of_mixed_lengths(build, byte_tokenizer, kind):
    model = build(kind)
    prompts = [[5], [50, 51, 52, 53, 54, 55], [7, 8, 9]]
    rows = _rows(byte_tokenizer, list(enumerate(prompts)))
    searcher = Searcher(model, byte_tokenizer, GREEDY, frozenset({END}))
    searcher.write(rows)
    assert not searcher.one_length
    assert [row.tokens for row in rows] == [_generate(model, p)[0] for p in prompts]


@pytest.mark.parametrize("kind", ["bart", "gpt2"])
@pytest.mark.parametrize("sequences", [1, 3])
def test_beams_are_those_of_transformers(build, byte_tokenizer, kind, sequences):
    model = build(kind)
    rows = _rows(byte_tokenizer, list(enumerate(PROMPTS)), sequences)
    strategy = Strategy(temperature=0.0, repetition_penalty=1.3)
    Searcher(model, byte_tokenizer, strategy, frozenset({END}), beams=4).write(rows)
    expected = [
        tokens
        for prompt in PROMPTS
        for tokens in _generate(
            model, prompt, num_beams=4, num_return_sequences=sequences, repetition_penalty=1.3
        )
    ]
    assert [row.tokens for row in rows] == expected


@pytest.mark.parametrize("kind", ["bart", "openai-gpt"])
def test_sampling_is_the_same_in_any_batch(build, byte_tokenizer, kind):
    model = build(kind)
    searcher = Searcher(model, byte_tokenizer, Strategy(seed=4), frozenset({END}))
    rows = _rows(byte_tokenizer, list(enumerate(PROMPTS)), 2)
    searcher.write(rows)
    together = {row.key: row.tokens for row in rows}
    assert len({tuple(tokens) for tokens in together.values()}) == 6
    for row in _rows(byte_tokenizer, list(enumerate(PROMPTS)), 2):
        searcher.write([row])
        assert row.tokens == together[row.key]


def test_a_stop_string_ends_a_text(build, byte_tokenizer):
    searcher = Searcher(build("gpt2"), byte_tokenizer, GREEDY, frozenset({END}))
    (whole,) = rows = _rows(byte_tokenizer, [(0, PROMPTS[0])])
    searcher.write(rows)
    stop = next(c for c in whole.text.text[2:] if c != "\ufffd")
    (row,) = rows = _rows(byte_tokenizer, [(0, PROMPTS[0])], stops=(stop,))
    searcher.write(rows)
    assert row.finish == "stop"
    assert row.text.text == whole.text.text.split(stop)[0]
    assert len(row.tokens) < len(whole.tokens)


def test_a_stop_string_ends_a_beam(build, byte_tokenizer):
    searcher = Searcher(build("gpt2"), byte_tokenizer, GREEDY, frozenset({END}), beams=3)
    letters = tuple(chr(code) for code in range(128))
    (row,) = rows = _rows(byte_tokenizer, [(0, PROMPTS[0])], stops=letters)
    searcher.write(rows)
    assert row.finish == "stop"
    assert not set(row.text.text) & set(letters)


def test_the_config_of_the_model_is_left_as_it_is(build, byte_tokenizer):
    model = build("gpt2")
    before = model.generation_config.to_dict()
    Searcher(model, byte_tokenizer, GREEDY, frozenset({END}), beams=2).write(
        _rows(byte_tokenizer, [(0, PROMPTS[0])])
    )
    assert model.generation_config.to_dict() == before
