"""The head against torch's own cross-entropy, and against each architecture's own logits."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
)

from lmkit.labels import IGNORED
from lmkit.models.head import OutputHead, linear_cross_entropy

SMALL = {"vocab_size": 67, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
CAUSAL = {
    "gpt2": {}, "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32}, "gpt_neox": {},
    "llama": {"intermediate_size": 48, "num_key_value_heads": 2},
    "gemma2": {"intermediate_size": 48, "num_key_value_heads": 2, "head_dim": 8},
    "granite": {"intermediate_size": 48, "num_key_value_heads": 2, "logits_scaling": 3.0},
}  # fmt: skip
MASKED = {
    "bert": {}, "roberta": {}, "distilbert": {}, "electra": {"embedding_size": 16},
    "deberta-v2": {}, "modernbert": {"intermediate_size": 48},
}  # fmt: skip


def config(name, extra):
    made = {**SMALL, **extra}
    if name == "distilbert":
        made = {"vocab_size": 67, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48}
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    if name == "modernbert":
        ids |= {"cls_token_id": 1, "sep_token_id": 2}
    return AutoConfig.for_model(name, **made, **ids)


@given(
    rows=st.integers(1, 9),
    vocabulary=st.integers(2, 30),
    smoothing=st.sampled_from([0.0, 0.1, 0.7]),
    bias=st.booleans(),
    seed=st.integers(0, 999),
)
def test_loss_and_gradients_are_those_of_torch(rows, vocabulary, smoothing, bias, seed):
    torch.manual_seed(seed)
    hidden = torch.randn(rows, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(vocabulary, 5, dtype=torch.float64, requires_grad=True)
    offset = torch.randn(vocabulary, dtype=torch.float64, requires_grad=True) if bias else None
    labels = torch.randint(vocabulary, (rows,))
    leaves = [leaf for leaf in (hidden, weight, offset) if leaf is not None]

    ours = linear_cross_entropy(hidden, weight, offset, labels, smoothing)
    ours_grads = torch.autograd.grad(ours * 0.37, leaves)
    logits = functional.linear(hidden, weight, offset)
    theirs = functional.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
    their_grads = torch.autograd.grad(theirs * 0.37, leaves)

    assert ours.item() == pytest.approx(theirs.item(), rel=1e-9, abs=1e-12)
    for one, other in zip(ours_grads, their_grads, strict=True):
        torch.testing.assert_close(one, other)


def test_the_least_likely_tokens_keep_their_loss():
    """A loss of hundreds of nats, whose probability is no float any more."""
    hidden = torch.tensor([[1.0], [1.0], [1.0]])
    weight = torch.tensor([[0.0], [-75.0], [-400.0]])
    loss = linear_cross_entropy(hidden, weight, None, torch.tensor([2, 1, 0]))
    assert loss.item() == pytest.approx(475.0)


def test_chunks_do_not_change_the_loss(monkeypatch):
    torch.manual_seed(0)
    hidden, weight = torch.randn(100, 8), torch.randn(50, 8)
    labels = torch.randint(50, (100,))
    whole = linear_cross_entropy(hidden, weight, None, labels)
    monkeypatch.setattr("lmkit.models.head.CPU_CHUNK", 16 * 50)
    parts = linear_cross_entropy(hidden, weight, None, labels)
    assert parts.item() == pytest.approx(whole.item(), rel=1e-6)


def batch():
    torch.manual_seed(1)
    ids = torch.randint(3, 67, (3, 10))
    labels = torch.randint(3, 67, (3, 10))
    labels[torch.rand(3, 10) < 0.5] = IGNORED
    return ids, labels


@pytest.mark.parametrize(
    ("name", "extra", "auto"),
    [(n, e, AutoModelForCausalLM) for n, e in CAUSAL.items()]
    + [(n, e, AutoModelForMaskedLM) for n, e in MASKED.items()],
)
def test_every_architecture_gets_the_loss_and_gradients_of_its_own_logits(name, extra, auto):
    torch.manual_seed(0)
    model = auto.from_config(config(name, extra)).eval()
    plain = copy.deepcopy(model)
    ids, labels = batch()

    head = OutputHead(model)
    head.attach()
    states = model(input_ids=ids).logits
    loss = head.loss(states, labels)
    loss.backward()
    nll, hit = head.score(states.detach(), labels)
    head.detach()

    logits = plain(input_ids=ids).logits
    expected = functional.cross_entropy(logits.transpose(1, 2), labels, reduction="sum")
    expected.backward()

    assert loss.item() == pytest.approx(expected.item(), rel=2e-6)
    assert nll.sum().item() == pytest.approx(expected.item(), rel=2e-6)
    gold = labels != IGNORED
    assert torch.equal(hit, (logits.argmax(-1) == labels) & gold)
    for (key, mine), theirs in zip(model.named_parameters(), plain.parameters(), strict=True):
        if theirs.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-5, msg=key)
    torch.testing.assert_close(model(input_ids=ids).logits, logits)


@pytest.mark.parametrize("shrunk", [1.0, 1e-3])
def test_a_model_that_caps_its_logits_keeps_them_however_small_they_are(shrunk):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config("gemma2", CAUSAL["gemma2"]))
    model.get_output_embeddings().weight.data.mul_(shrunk)
    assert not OutputHead(model).replaces_logits


def test_ordinary_models_never_hold_the_logits():
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config("gpt2", {}))
    head = OutputHead(model)
    head.attach()
    assert head.replaces_logits
    assert model(input_ids=torch.arange(4)[None]).logits.shape == (1, 4, 32)


PAIRED = {
    "t5": {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4},
    "bart": {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 48,
             "decoder_ffn_dim": 48, "encoder_attention_heads": 4, "decoder_attention_heads": 4},
}  # fmt: skip
PAIRED["marian"] = PAIRED["bart"]


@pytest.mark.parametrize("name", PAIRED)
def test_an_encoder_decoder_is_scored_with_its_constants(name):
    ids = {"pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 0}
    torch.manual_seed(0)
    sizes = AutoConfig.for_model(name, vocab_size=67, **ids, **PAIRED[name])
    model = AutoModelForSeq2SeqLM.from_config(sizes).eval()
    if name != "t5":
        model.final_logits_bias.normal_()
    sources, labels = torch.randint(3, 67, (2, 2, 6))
    labels[0, 4:] = IGNORED
    read = model.prepare_decoder_input_ids_from_labels(labels)
    own = model(input_ids=sources, decoder_input_ids=read).logits
    wanted = functional.cross_entropy(own.flatten(0, 1), labels.flatten(), reduction="sum")
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    head = OutputHead(model)
    assert head.replaces_logits
    head.attach()
    states = model(input_ids=sources, decoder_input_ids=read).logits
    assert states.shape[-1] == 32
    torch.testing.assert_close(head.loss(states, labels), wanted)
    torch.testing.assert_close(head.score(states, labels)[0].sum(), wanted)
    for key, value in model.state_dict().items():  # as it would be saved now
        assert torch.equal(value, kept[key]), key
    head.detach()
    again = model(input_ids=sources, decoder_input_ids=read).logits
    assert torch.equal(again, own)


@pytest.mark.parametrize("architecture", ["gpt2", "gemma2"])
def test_nll_of_each_position_has_the_gradient_of_torch_s(architecture, monkeypatch):
    """Also where it is made chunk by chunk, and for a model that keeps its own logits."""
    monkeypatch.setattr("lmkit.models.head.CPU_CHUNK", 16 * 67)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config(architecture, CAUSAL[architecture])).eval()
    ids = torch.randint(67, (3, 20))
    labels = torch.where(torch.rand(3, 20) < 0.7, torch.randint(67, (3, 20)), IGNORED)
    weights = torch.randn(3, 20)  # no plain sum

    head = OutputHead(model)
    head.attach()
    ours = head.nll(model(ids, use_cache=False).logits, labels)
    (ours * weights).sum().backward()
    grads = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    head.detach()
    model.zero_grad()
    logits = model(ids, use_cache=False).logits
    theirs = functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
    (theirs * weights).sum().backward()
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(grads[name], parameter.grad, atol=1e-5, rtol=1e-4)
