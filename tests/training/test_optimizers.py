"""Every optimizer a recipe may name learns; arguments are checked; vectors do not decay."""

import sys

import pytest
import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, BertConfig, TrainingArguments

from lmkit.errors import ModelError, UsageError
from lmkit.training.optimizers import make_optimizer, parse_optim_args

HERE = [
    "adam", "adamw_torch", "adamw_torch_fused", "sgd", "adagrad", "rmsprop", "muon", "adafactor",
]  # fmt: skip


@pytest.fixture
def arguments(tmp_path):
    def make(**values):
        return TrainingArguments(
            output_dir=str(tmp_path), **{"learning_rate": 0.05, "use_cpu": True, **values}
        )

    return make


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 6))


@pytest.mark.parametrize("name", HERE)
def test_it_learns(name, arguments):
    model, x = network(), torch.randn(32, 6)
    optimizer = make_optimizer(
        name, model, arguments(optim="adafactor" if name == "adafactor" else "sgd")
    )
    losses = []
    for _ in range(60):
        loss = ((model(x) - x.flip(1)) ** 2).mean()
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.7 * losses[0]


def test_momentum_is_momentum(arguments):
    optimizer = make_optimizer("sgd", network(), arguments(optim_args="momentum=0.9,nesterov=true"))
    assert optimizer.defaults["momentum"] == 0.9
    assert optimizer.defaults["nesterov"] is True


def test_the_numbers_of_adam_arrive(arguments):
    optimizer = make_optimizer(
        "adamw_torch", network(), arguments(adam_beta1=0.8, adam_beta2=0.95, adam_epsilon=1e-6)
    )
    assert optimizer.defaults["betas"] == (0.8, 0.95)
    assert optimizer.defaults["eps"] == 1e-6
    assert optimizer.defaults["lr"] == 0.05


@pytest.mark.parametrize("name", ["adamw_torch_fused", "muon", "sgd"])
def test_only_matrices_decay(name, arguments):
    model = network()
    optimizer = make_optimizer(name, model, arguments(weight_decay=0.3))
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.3 if parameter.ndim == 2 else 0.0)
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters())


def test_frozen_parameters_stay_out(arguments):
    model = network()
    model[0].weight.requires_grad = False
    optimizer = make_optimizer("adam", model, arguments())
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert id(model[0].weight) not in held


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("sgd", "momentun=0.9", "did you mean `momentum`"),
        ("adagrad", "momentum=0.9", "adagrad has no argument 'momentum'"),
        ("muon", "adjust_lr_fn=original", "muon has no argument 'adjust_lr_fn'"),
        ("adamw_torch", "lr=3", "adamw_torch has no argument 'lr'"),
        ("sgd", "momentum=fast", "'fast' is not a number"),
        ("sgd", "momentum", "not of the form key=value"),
        ("adafactor", "momentum=0.9", "adafactor does not read 'momentum'"),
    ],
)
def test_arguments_are_checked(name, text, told, arguments):
    args = arguments(optim="adafactor" if name == "adafactor" else "sgd", optim_args=text)
    with pytest.raises(UsageError, match=told):
        make_optimizer(name, network(), args)


def test_an_absent_library_is_named(arguments, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    with pytest.raises(ModelError, match="bitsandbytes"):
        make_optimizer("adamw_8bit", network(), arguments(optim="adamw_bnb_8bit"))


def test_muon_needs_a_matrix(arguments):
    with pytest.raises(ModelError, match="no"):
        make_optimizer("muon", nn.LayerNorm(4), arguments())


def test_arguments_are_read_as_numbers_and_booleans():
    assert parse_optim_args("a=1, b=0.5,c=True") == {"a": 1, "b": 0.5, "c": True}
    assert parse_optim_args(None) == {}


def test_each_layer_learns_less_than_the_one_above_it(arguments):
    config = BertConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=8,
    )  # fmt: skip
    model = AutoModelForSequenceClassification.from_config(config)
    optimizer = make_optimizer("adamw_torch", model, arguments(weight_decay=0.3), 0.5)
    rates = {
        id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]
    }  # fmt: skip
    assert len(rates) == len(list(model.parameters()))
    assert rates[id(model.classifier.weight)] == optimizer.param_groups[0]["lr"] == 0.05
    assert rates[id(model.bert.encoder.layer[1].output.dense.bias)] == 0.05 * 0.5
    assert rates[id(model.bert.encoder.layer[0].output.dense.weight)] == 0.05 * 0.25
    assert rates[id(model.bert.embeddings.word_embeddings.weight)] == 0.05 * 0.125
    for group in optimizer.param_groups:
        assert all((p.ndim >= 2) == (group["weight_decay"] == 0.3) for p in group["params"])
