"""Order, batch invariance, limits: what holds of all texts together."""

import logging

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from lmkit.errors import ModelError, UsageError
from lmkit.generation import fitting
from lmkit.generation import writer as writer_module
from lmkit.generation.options import GenerationOptions
from lmkit.generation.prompts import Prompt, from_arguments
from lmkit.generation.searching import Searcher
from lmkit.generation.writer import Writer

GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
BART = {
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48,
    "max_position_embeddings": 16, "decoder_start_token_id": 256,
}  # fmt: skip
SHORT = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
TEXTS = ["a", "hello world", "the cat sat", "x" * 20, "ab", "hello again", "", "é"]


@pytest.fixture
def gpt2(make_model):
    return make_model(AutoModelForCausalLM, "gpt2", **GPT)


def _answers(model, tokenizer, texts=TEXTS, **options):
    options = {"max_new_tokens": 8, **options}
    writer = Writer(model, tokenizer, GenerationOptions(**options))
    return list(writer.answers(from_arguments(texts)))


@pytest.mark.parametrize("how", [{"greedy": True}, {"seed": 3}, {"seed": 3, "top_k": 9}])
def test_answers_come_in_order_and_alike_for_any_batch_size(gpt2, byte_tokenizer, how, monkeypatch):
    monkeypatch.setattr(writer_module, "WINDOW", 2)
    alone = _answers(gpt2, byte_tokenizer, batch_size=1, **how)
    assert [answer.prompt.text for answer in alone] == TEXTS
    for size in (2, 3, 8):
        assert _answers(gpt2, byte_tokenizer, batch_size=size, **how) == alone


def test_sequences_of_a_prompt_differ_and_are_repeated_by_the_seed(gpt2, byte_tokenizer):
    answers = _answers(gpt2, byte_tokenizer, ["a", "b"], seed=1, num_return_sequences=3)
    assert [(a.prompt.index, a.sequence) for a in answers] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2),
    ]  # fmt: skip
    assert len({a.text for a in answers}) == 6
    assert _answers(gpt2, byte_tokenizer, ["a", "b"], seed=1)[1] == answers[3]
    assert _answers(gpt2, byte_tokenizer, ["a", "b"], seed=2)[1] != answers[3]


def test_equal_prompts_at_other_places_are_sampled_apart(gpt2, byte_tokenizer):
    first, second = _answers(gpt2, byte_tokenizer, ["same", "same"], seed=1)
    assert first.text != second.text


def test_the_text_as_it_is_written_is_the_text(gpt2, byte_tokenizer):
    pieces = []
    writer = Writer(gpt2, byte_tokenizer, GenerationOptions(max_new_tokens=30, seed=5))
    (answer,) = writer.answers(from_arguments(["go"]), on_text=pieces.append)
    assert len(pieces) > 5
    assert "".join(pieces) == answer.text
    assert answer.text == _answers(gpt2, byte_tokenizer, ["go"], seed=5, max_new_tokens=30)[0].text


def test_temperature_zero_is_greedy(gpt2, byte_tokenizer):
    greedy = _answers(gpt2, byte_tokenizer, greedy=True)
    assert _answers(gpt2, byte_tokenizer, temperature=0.0) == greedy
    assert _answers(gpt2, byte_tokenizer, top_k=1, seed=1) == greedy


def test_a_text_stops_at_the_context_limit_and_says_so(gpt2, byte_tokenizer, caplog):
    gpt2.generation_config.eos_token_id = [999]
    long, short = _answers(gpt2, byte_tokenizer, ["x" * 60, "y"], greedy=True, max_new_tokens=9)
    assert (long.tokens, long.finish) == (4, "context")
    assert (short.tokens, short.finish) == (9, "length")
    assert (
        "1 of the texts stopped at the model's context limit of 64 tokens, before "
        "--max-new-tokens 9"
    ) in caplog.text


@pytest.mark.parametrize("length", [64, 65, 200])
def test_a_prompt_that_fills_the_context_is_an_error(gpt2, byte_tokenizer, length):
    with pytest.raises(UsageError) as caught:
        _answers(gpt2, byte_tokenizer, ["fits", "x" * length])
    assert str(caught.value) == (
        f"prompt 2: has {length} tokens; the model reads at most 64, and at least one must be "
        "left for the text"
    )


def test_an_encoder_and_its_decoder_have_a_limit_each(make_model, byte_tokenizer):
    bart = make_model(AutoModelForSeq2SeqLM, "bart", **BART)
    bart.generation_config.forced_eos_token_id = None
    bart.generation_config.eos_token_id = 999
    (answer,) = _answers(bart, byte_tokenizer, ["x" * 16], max_new_tokens=40)
    assert (answer.tokens, answer.finish) == (15, "context")
    with pytest.raises(UsageError, match=r"has 17 tokens; the model reads at most 16$"):
        _answers(bart, byte_tokenizer, ["x" * 17])


def test_a_sequence_to_sequence_model_is_greedy_unless_asked(make_model, byte_tokenizer):
    bart = make_model(AutoModelForSeq2SeqLM, "bart", **BART)
    plain = _answers(bart, byte_tokenizer, ["a", "b"])
    assert plain == _answers(bart, byte_tokenizer, ["a", "b"], greedy=True)
    sampled = _answers(bart, byte_tokenizer, ["a", "b"], seed=1, temperature=3.0)
    assert sampled != plain
    several = _answers(bart, byte_tokenizer, ["a", "b"], num_beams=4, num_return_sequences=2)
    assert [(a.prompt.index, a.sequence) for a in several] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_beams_of_mixed_lengths_are_those_of_each_alone(gpt2, byte_tokenizer):
    together = _answers(gpt2, byte_tokenizer, num_beams=3, num_return_sequences=2, batch_size=12)
    for place, text in enumerate(TEXTS):
        alone = _answers(gpt2, byte_tokenizer, [text], num_beams=3, num_return_sequences=2)
        found = together[2 * place : 2 * place + 2]
        assert [a.text for a in alone] == [a.text for a in found]


def test_the_model_has_its_own_say(gpt2, byte_tokenizer, caplog):
    caplog.set_level(logging.INFO, "lmkit")
    gpt2.generation_config.temperature = 0.01
    gpt2.generation_config.top_k = 1
    assert [a.text for a in _answers(gpt2, byte_tokenizer)] == [
        a.text for a in _answers(gpt2, byte_tokenizer, greedy=True)
    ]
    assert "sampling with --seed " in caplog.text
    gpt2.generation_config.repetition_penalty = 50.0
    expected = _generated(gpt2, byte_tokenizer("a")["input_ids"])  # reads the same config
    assert _answers(gpt2, byte_tokenizer, ["a"], greedy=True)[0].text == byte_tokenizer.decode(
        expected, skip_special_tokens=True
    )


def _generated(model, ids, steps=8):
    found = model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=steps)
    return found[0, len(ids) :].tolist()


def test_any_of_the_end_tokens_of_the_model_ends(gpt2, byte_tokenizer):
    gpt2.generation_config.eos_token_id = [999]
    (whole,) = _answers(gpt2, byte_tokenizer, ["abc"], greedy=True)
    assert whole.finish == "length"
    third = _generated(gpt2, byte_tokenizer("abc")["input_ids"], steps=3)[-1]
    gpt2.generation_config.eos_token_id = [998, third]
    (cut,) = _answers(gpt2, byte_tokenizer, ["abc"], greedy=True)
    assert (cut.finish, cut.tokens <= 2) == ("end", True)


def test_an_empty_prompt_begins_at_the_start_token(gpt2, byte_tokenizer):
    (answer,) = _answers(gpt2, byte_tokenizer, [""], greedy=True)
    assert answer.text == byte_tokenizer.decode(_generated(gpt2, [256]), skip_special_tokens=True)


def test_a_prompt_is_begun_but_not_closed(make_model, tiny_bert_tokenizer):
    """[CLS] is put before the prompt as in training; [SEP] behind it would end the text."""
    bert = make_model(
        AutoModelForCausalLM, "bert", vocab_size=len(tiny_bert_tokenizer), is_decoder=True,
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        bos_token_id=2, eos_token_id=3, pad_token_id=0,
    )  # fmt: skip
    ids = tiny_bert_tokenizer("the cat")["input_ids"][:-1]
    expected = bert.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=4)
    found = _answers(bert, tiny_bert_tokenizer, ["the cat"], greedy=True, max_new_tokens=4)[0].text
    whole = tiny_bert_tokenizer.decode(expected[0], skip_special_tokens=True)
    assert "the cat" + found == whole


def test_a_tokenizer_of_another_model_is_told(make_model, byte_tokenizer):
    small = make_model(AutoModelForCausalLM, "gpt2", **{**GPT, "vocab_size": 50})
    with pytest.raises(ModelError, match=r"prompt 1: token id \d+ of the tokenizer is not in the"):
        _answers(small, byte_tokenizer, ["zzz"])


def test_no_start_token_for_an_empty_prompt_is_told(gpt2, byte_tokenizer, monkeypatch):
    monkeypatch.setattr(writer_module, "start_token_id", lambda _: None)
    with pytest.raises(ModelError, match=r"prompt 1: is empty, and .* no start token"):
        _answers(gpt2, byte_tokenizer, [""])


def test_where_memory_does_not_suffice_batches_are_halved(
    gpt2, byte_tokenizer, monkeypatch, caplog
):
    expected = _answers(gpt2, byte_tokenizer, seed=3)
    writer = Writer(gpt2, byte_tokenizer, GenerationOptions(seed=3, max_new_tokens=8))
    sizes, written = [], writer.engine.write

    def small(rows):
        sizes.append(len(rows))
        if len(rows) > 3:
            for row in rows:  # it fails in the middle
                row.push(65, frozenset())
            raise SHORT
        written(rows)

    monkeypatch.setattr(writer.engine, "write", small)
    assert list(writer.answers(from_arguments(TEXTS))) == expected
    assert sizes == [8, 4, 2, 2, 4, 2, 2]
    assert [record.getMessage() for record in caplog.records] == [
        "no memory left for 8 texts side by side; halved"
    ]
    sizes.clear()
    assert list(writer.answers(from_arguments(TEXTS))) == expected
    assert sizes == [2, 2, 2, 2]


def test_a_batch_is_as_large_as_memory_allows(gpt2, byte_tokenizer, monkeypatch):
    writer = Writer(gpt2, byte_tokenizer, GenerationOptions(seed=3, max_new_tokens=8))
    sizes, written = [], writer.engine.write
    monkeypatch.setattr(
        writer.engine, "write", lambda rows: (sizes.append(len(rows)), written(rows))
    )
    one = writer._fitting.bytes(20, 8)
    monkeypatch.setattr(fitting, "free_memory", lambda _: int(4.2 * one / fitting.SHARE))
    expected = list(writer.answers(from_arguments(TEXTS)))
    assert sizes == [4, 4]
    monkeypatch.setattr(fitting, "free_memory", lambda _: 0)
    sizes.clear()
    assert list(writer.answers(from_arguments(TEXTS))) == expected
    assert sizes == [1] * 8


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        SHORT,
        MemoryError(),
    ],
)
def test_no_memory_left_names_what_to_lower(gpt2, byte_tokenizer, monkeypatch, error):
    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(gpt2, "forward", fail)
    writer = Writer(gpt2, byte_tokenizer, GenerationOptions(seed=0))
    monkeypatch.setattr(writer.engine, "write", fail)
    with pytest.raises(UsageError, match=r"no memory left for a batch of 1 .* --batch-size"):
        list(writer.answers(from_arguments(["abc"])))


def test_another_runtime_error_is_not_hidden(gpt2, byte_tokenizer, monkeypatch):
    def fail(_rows):
        raise RuntimeError("a defect")

    writer = Writer(gpt2, byte_tokenizer, GenerationOptions(seed=0))
    monkeypatch.setattr(writer.engine, "write", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        list(writer.answers(from_arguments(["abc"])))


def test_a_model_without_a_cache_writes_too(make_model, byte_tokenizer):
    model = make_model(AutoModelForCausalLM, "openai-gpt", **GPT)
    assert isinstance(Writer(model, byte_tokenizer, GenerationOptions()).engine, Searcher)
    together = _answers(model, byte_tokenizer, seed=1)
    assert together == _answers(model, byte_tokenizer, seed=1, batch_size=1)


def test_a_prefix_is_read_but_not_told(make_model, byte_tokenizer):
    sizes = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
    model = make_model(AutoModelForSeq2SeqLM, "t5", **sizes, decoder_start_token_id=256)
    options = GenerationOptions(max_new_tokens=6)
    prompts = [Prompt(0, "cat", "x")]
    (found,) = Writer(model, byte_tokenizer, options, prefix="turn: ").answers(prompts)
    (wanted,) = Writer(model, byte_tokenizer, options).answers([Prompt(0, "turn: cat", "x")])
    (without,) = Writer(model, byte_tokenizer, options).answers(prompts)
    assert found.prompt.text == "cat"
    assert found.text == wanted.text != without.text
