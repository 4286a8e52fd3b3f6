"""The reckoned cost against torch's own counters and what tensors really weigh."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
)

from lmkit.recipe.train import TrainSection
from lmkit.training import cost
from lmkit.training.arguments import training_arguments
from lmkit.training.optimizers import make_optimizer

SIZES = {"vocab_size": 200, "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4,
         "intermediate_size": 128}  # fmt: skip
MODELS = {
    "gpt2": (AutoModelForCausalLM, {"vocab_size": 200, "n_embd": 64, "n_layer": 3, "n_head": 4,
                                    "bos_token_id": 1, "eos_token_id": 1}),
    "llama": (AutoModelForCausalLM, SIZES | {"num_key_value_heads": 2}),
    "bert": (AutoModelForMaskedLM, SIZES),
    "distilbert": (AutoModelForMaskedLM, {"vocab_size": 200, "dim": 64, "n_layers": 3,
                                          "n_heads": 4, "hidden_dim": 128}),
    "lstm": (AutoModelForCausalLM, {"vocab_size": 200, "embedding_size": 32, "hidden_size": 64}),
}  # fmt: skip
BATCH, LENGTH = 2, 48


def build(name, attention="eager"):
    auto, keys = MODELS[name]
    config = AutoConfig.for_model(name, **keys)
    return auto.from_config(config, attn_implementation=attention)


def tokens():
    return torch.full((BATCH, LENGTH), 5)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "lstm"])
def test_operations_are_those_that_torch_counts(name):
    model = build(name)
    with FlopCounterMode(display=False) as forward:
        outputs = model(input_ids=tokens())
    with FlopCounterMode(display=False) as backward:
        outputs.logits.sum().backward()
    counted = forward.get_total_flops() + backward.get_total_flops()
    reckoned = cost.flops_per_token(model, LENGTH) * BATCH * LENGTH
    assert reckoned == pytest.approx(3 * forward.get_total_flops(), rel=0.02)
    assert reckoned == pytest.approx(counted, rel=0.03)


@pytest.mark.parametrize("kept", ["embeddings and two layers", "all but the head"])
def test_what_does_not_learn_takes_less(kept):
    model = build("bert")
    model.tie_weights()
    for name, parameter in model.named_parameters():
        deep = "layer.2" in name and kept != "all but the head"
        parameter.requires_grad_(deep or name.startswith("cls"))
    with FlopCounterMode(display=False) as forward:
        outputs = model(input_ids=tokens())
    with FlopCounterMode(display=False) as backward:
        outputs.logits.sum().backward()
    counted = forward.get_total_flops() + backward.get_total_flops()
    attention = 12 * 3 * 64 * LENGTH * BATCH * LENGTH  # reckoned in whole, below too
    reckoned = cost.flops_per_token(model, LENGTH) * BATCH * LENGTH
    assert reckoned - attention <= counted <= reckoned


def test_operations_of_a_recurrent_layer():
    """Torch's counter does not look into its fused kernel: four gates of (E + H) x H products."""
    first, second, head = 4 * 64 * (32 + 64), 4 * 64 * (64 + 64), 64 * 200
    expected = 3 * 2 * (first + second + head)  # multiply and add; forward, and twice backward
    for length in (8, 800):  # nothing grows with the length
        assert cost.flops_per_token(build("lstm"), length) == expected


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("optim", ["adamw_torch", "adam", "sgd", "adagrad", "rmsprop"])
def test_bytes_are_those_of_the_tensors(name, optim, tmp_path):
    model = build(name)
    reckoned = cost.estimate(model, optim=optim, micro_batch=1, sequence=8, total_tokens=1)
    section = TrainSection.model_validate({"precision": "float32", "compile": False,
                                           "optim": optim})  # fmt: skip
    args = training_arguments(
        section, tmp_path, use_cpu=True, save_steps=1, eval_steps=1, logging_steps=1
    )
    optimizer = make_optimizer(optim, model, args)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    state = [t for s in optimizer.state.values() for t in s.values() if isinstance(t, torch.Tensor)]
    parameters = list(model.parameters())
    assert reckoned.parameters == sum(p.numel() for p in parameters)
    assert reckoned.weight_bytes == sum(p.numel() * p.element_size() for p in parameters)
    assert reckoned.gradient_bytes == sum(p.grad.numel() * 4 for p in parameters)
    buffers = sum(t.numel() * t.element_size() for t in state if t.numel() > 1)
    assert reckoned.optimizer_bytes == buffers


def test_frozen_weights_have_no_gradient():
    model = build("gpt2")
    model.transformer.wte.weight.requires_grad_(False)
    reckoned = cost.estimate(model, optim="adam", micro_batch=1, sequence=8, total_tokens=10)
    assert reckoned.parameters - reckoned.trained_parameters == 200 * 64
    assert reckoned.weight_bytes - reckoned.gradient_bytes == 200 * 64 * 4
    assert reckoned.total_flops == 10 * reckoned.flops_per_token
    assert reckoned.as_dict()["total_tokens"] == 10


def test_half_precision_weighs_half():
    whole = cost.estimate(build("gpt2"), optim="adam", micro_batch=1, sequence=8, total_tokens=1)
    half = cost.estimate(
        build("gpt2").bfloat16(), optim="adam", micro_batch=1, sequence=8, total_tokens=1
    )
    assert half.weight_bytes * 2 == whole.weight_bytes
    assert half.flops_per_token == whole.flops_per_token


@pytest.mark.parametrize("name", ["gpt2", "bert", "lstm"])
def test_activations_are_roughly_those_kept(name):
    """Against the storages that autograd keeps of one forward pass, weights left out."""
    model = build(name, "eager" if name == "lstm" else "sdpa").train()
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    base = model.base_model
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        base(input_ids=tokens())
    measured = sum(size for size, _ in kept.values())
    assert 1 / 3 < cost.activation_bytes(model, BATCH, LENGTH) / measured < 3


def test_a_guess_at_the_time(monkeypatch):
    monkeypatch.setattr(cost, "matmul_peak", lambda device: {"cpu": 1e9}[device])
    assert cost.guess_seconds(6e9, "cpu") == pytest.approx(6 / cost.EFFICIENCY)


def test_the_peak_is_that_of_this_machine(monkeypatch):
    """No product of this size is made faster than the peak, or a tenth as fast."""
    monkeypatch.setitem(cost.PEAK_SIZE, "cpu", 512)
    peak = cost.matmul_peak.__wrapped__("cpu")
    a = torch.randn(512, 512)
    with torch.profiler.profile() as profile:
        for _ in range(6):
            a @ a
    best = min(e.time_range.elapsed_us() for e in profile.events() if e.name == "aten::mm")
    assert 0.1 < peak / (2 * 512**3 / (best * 1e-6)) < 10


def test_slow_products_are_few_and_nothing_is_drawn(monkeypatch):
    """bfloat16 on a processor without it takes seconds a product."""
    clock = iter(range(100))
    monkeypatch.setitem(cost.PEAK_SIZE, "cpu", 4)
    monkeypatch.setattr(cost.time, "perf_counter", lambda: float(next(clock)))
    state = torch.get_rng_state()
    assert cost.matmul_peak.__wrapped__("cpu") == 2 * 4**3
    assert next(clock) == 4, "one product, its two ends, and two looks at the clock around it"
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("layers", [(3, 3), (4, 2)])
def test_an_encoder_decoder_is_reckoned_as_the_mean_of_its_halves(layers):
    encoder, decoder = layers
    keys = {
        "vocab_size": 200, "d_model": 64, "d_kv": 16, "d_ff": 128, "num_heads": 4,
        "num_layers": encoder, "num_decoder_layers": decoder,
    }  # fmt: skip
    config = AutoConfig.for_model("t5", **keys)
    model = AutoModelForSeq2SeqLM.from_config(config, attn_implementation="eager")
    with FlopCounterMode(display=False) as forward:
        model(input_ids=tokens(), decoder_input_ids=tokens())
    reckoned = cost.flops_per_token(model, LENGTH) * 2 * BATCH * LENGTH
    assert reckoned == pytest.approx(3 * forward.get_total_flops(), rel=0.2)
