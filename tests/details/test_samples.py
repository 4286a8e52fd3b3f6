"""Texts through training: what is given, that it is what `generate` writes, and what it leaves."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, BartConfig

from lmkit.details import causal_lm, chat, masked_lm, preference, seq2seq
from lmkit.details.samples import LENGTH, beginning, samples_of, text_of, write_samples
from lmkit.labels import IGNORED
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.options.masked_lm import MaskedLMOptions
from lmkit.recipe.options.seq2seq import Seq2SeqOptions
from lmkit.tasks.causal_lm import CausalLM
from lmkit.tasks.masked_lm import MaskedLM
from lmkit.tasks.seq2seq import Seq2Seq


class Encoded:
    """Examples in memory."""

    def __init__(self, ids, labels=None):
        self.ids = [np.asarray(row) for row in ids]
        self.labels = self.ids if labels is None else [np.asarray(row) for row in labels]
        self.lengths = np.array([len(row) for row in self.ids])

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, key):
        return {"input_ids": self.ids[key[1]], "labels": self.labels[key[1]]}


@pytest.fixture
def drawn():
    """`drawn(*lengths)`: rows of random ids below 60."""
    draw = np.random.default_rng(0)
    return lambda *lengths: [draw.integers(5, 60, length) for length in lengths]


@pytest.mark.parametrize(("length", "cut"), [(2, 1), (3, 2), (9, 5), (40, 16), (100, 16)])
def test_a_beginning_and_what_follows(length, cut):
    found = beginning(list(range(length)))
    assert found.given == list(range(cut))
    assert found.wanted == list(range(cut, min(length, cut + LENGTH)))
    assert beginning([1]) is None


def test_what_is_asked_and_its_first_answer():
    ids = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    labels = [IGNORED, IGNORED, 4, 5, IGNORED, IGNORED, 8, 9, 10]
    found = chat.sample({"input_ids": np.array(ids), "labels": np.array(labels)})
    assert (found.given, found.wanted) == ([1, 2, 3], [4, 5])
    pair = {"chosen": np.array(ids), "chosen_labels": np.array([*[IGNORED] * 7, 9, 10])}
    found = preference.sample(pair)
    assert (found.given, found.wanted) == (ids[:8], [9, 10])
    every = {"input_ids": np.array(ids), "labels": np.array([*ids[1:], 10])}
    assert chat.sample(every) == beginning(ids)  # train_on: all
    assert chat.sample({"input_ids": np.array(ids), "labels": np.full(9, IGNORED)}) is None


def test_a_source_and_a_text_with_hidden_words():
    found = seq2seq.sample({"input_ids": np.array([1, 2]), "labels": np.array([3, 4, 5])})
    assert (found.given, found.wanted, found.hidden) == ([1, 2], [3, 4, 5], [])
    masked = {"input_ids": np.array([2, 4, 9, 4]), "labels": np.array([IGNORED, 7, IGNORED, 8])}
    found = masked_lm.sample(masked)
    assert (found.given, found.wanted, found.hidden) == ([2, 4, 9, 4], [2, 7, 9, 8], [1, 3])
    assert masked_lm.sample({"input_ids": np.array([2]), "labels": np.array([IGNORED])}) is None
    assert causal_lm.sample({"input_ids": np.arange(4)}).given == [0, 1]


@pytest.mark.parametrize(
    ("rows", "count", "chosen"), [(9, 3, [0, 3, 6]), (2, 3, [0, 1]), (3, 0, [])]
)
def test_samples_are_spread_over_the_split(rows, count, chosen):
    ids = [[number, 1, 2] for number in range(rows)]
    task = CausalLM(CausalLMOptions(name="causal_lm", block_size=8))
    found = samples_of(task, Encoded(ids), count)
    assert [sample.given[0] for sample in found] == chosen


def left_as_it_was(model, task, write):
    """Write twice: the same, with nothing drawn, and the model in training and attached."""
    task.attach(model.train())
    state = torch.get_rng_state()
    texts = write()
    assert write() == texts
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not any(parameter.is_inference() for parameter in model.parameters())
    return texts


def test_a_causal_model_writes_what_generate_does(tiny_gpt2, tiny_tokenizer, drawn):
    task = CausalLM(CausalLMOptions(name="causal_lm", block_size=32))
    samples = samples_of(task, Encoded(drawn(12, 40, 64)), 3)
    assert [len(sample.given) for sample in samples] == [6, 16, 16]
    texts = left_as_it_was(
        tiny_gpt2, task, lambda: write_samples(task, tiny_gpt2, tiny_tokenizer, samples)
    )
    ids = torch.tensor([list(range(5, 9))])
    hidden = tiny_gpt2(input_ids=ids).logits
    assert hidden.shape[-1] == tiny_gpt2.config.n_embd, "the output layer is left out again"
    task.detach(tiny_gpt2.eval())
    for sample, text in zip(samples, texts, strict=True):
        alone = tiny_gpt2.generate(
            torch.tensor([sample.given]), do_sample=False, max_new_tokens=LENGTH,
            pad_token_id=0,
        )[0, len(sample.given) :]  # fmt: skip
        assert text == text_of(tiny_tokenizer, alone.tolist())


def test_no_more_is_written_than_there_are_positions(tiny_gpt2, tiny_tokenizer, drawn):
    task = CausalLM(CausalLMOptions(name="causal_lm", block_size=32))
    labels = [[*[IGNORED] * 59, 7, 8, 9]]  # 60 of 64 positions are taken by what is asked
    sample = chat.sample({"input_ids": drawn(62)[0], "labels": np.array(labels[0])})
    (text,) = write_samples(task, tiny_gpt2, tiny_tokenizer, [sample])
    ids = torch.tensor([sample.given])
    four = tiny_gpt2.generate(ids, do_sample=False, max_new_tokens=4, pad_token_id=0)[0, 60:]
    assert text == text_of(tiny_tokenizer, four.tolist())


def test_a_masked_model_fills_in(tiny_bert, tiny_bert_tokenizer, drawn):
    task = MaskedLM(MaskedLMOptions(name="masked_lm", block_size=64))
    ids, mask = drawn(10, 20), tiny_bert_tokenizer.mask_token_id
    labels = [np.full(len(row), IGNORED) for row in ids]
    for row, targets in zip(ids, labels, strict=True):
        targets[[2, 5]], row[[2, 5]] = row[[2, 5]], mask
    samples = samples_of(task, Encoded(ids, labels), 2)
    texts = left_as_it_was(
        tiny_bert, task, lambda: write_samples(task, tiny_bert, tiny_bert_tokenizer, samples)
    )
    task.detach(tiny_bert.eval())
    for row, text in zip(ids, texts, strict=True):
        filled = row.copy()
        with torch.no_grad():
            logits = tiny_bert(torch.tensor(row)[None]).logits[0]
        filled[[2, 5]] = logits[[2, 5]].argmax(-1)
        assert text == text_of(tiny_bert_tokenizer, filled.tolist())


def test_an_encoder_decoder_answers(tiny_tokenizer, drawn):
    torch.manual_seed(0)
    config = BartConfig(
        vocab_size=300, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, pad_token_id=1,
        bos_token_id=0, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=None,
    )  # fmt: skip
    model = AutoModelForSeq2SeqLM.from_config(config)
    task = Seq2Seq(Seq2SeqOptions(name="seq2seq"))
    samples = samples_of(task, Encoded(drawn(7, 11), drawn(4, 5)), 2)
    texts = left_as_it_was(model, task, lambda: write_samples(task, model, tiny_tokenizer, samples))
    task.detach(model.eval())
    for sample, text in zip(samples, texts, strict=True):
        alone = model.generate(
            torch.tensor([sample.given]), do_sample=False, num_beams=1, max_new_tokens=LENGTH
        )[0, 1:]  # without the token that a target starts with
        assert text == text_of(tiny_tokenizer, alone.tolist())
