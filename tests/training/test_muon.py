"""Muon against torch's, whose iteration runs in bfloat16, and the singular values it sets."""

import copy

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

from lmkit.training.muon import Muon, MuonWithAdamW, hidden_matrices, orthogonalize

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
MATCH = {"adjust_lr_fn": "match_rms_adamw"}


@pytest.fixture(params=[True, False], autouse=True)
def bfloat16(request, monkeypatch):
    """Every test with and without bfloat16 in the hardware."""
    monkeypatch.setattr("lmkit.training.muon.multiplies_bfloat16", lambda _: request.param)
    return request.param


@pytest.mark.parametrize("columns", [17, 40])
def test_singular_values_come_near_one(columns):
    torch.manual_seed(0)
    made = orthogonalize(torch.randn(3, 16, columns), COEFFICIENTS, 5, 1e-7)
    values = torch.linalg.svdvals(made)
    assert values.min() > (0.5 if columns == 40 else 0.3)
    assert values.max() < 1.5


def test_directions_are_kept(bfloat16):
    """U and V of the result are those of the input: U^T result V is diagonal."""
    torch.manual_seed(0)
    matrix = torch.randn(1, 8, 12)
    u, _, vt = torch.linalg.svd(matrix[0], full_matrices=False)
    core = u.T @ orthogonalize(matrix, COEFFICIENTS, 5, 1e-7)[0] @ vt.T
    assert (core - torch.diag(core.diagonal())).abs().max() < (0.05 if bfloat16 else 1e-4)


@pytest.mark.parametrize("shape", [(12, 20), (20, 12), (16, 16)])
def test_updates_are_torchs_but_for_bfloat16(shape):
    torch.manual_seed(0)
    start = torch.randn(*shape)
    gradients = [torch.randn(*shape) for _ in range(3)]
    results = []
    for cls in (Muon, torch.optim.Muon):
        parameter = nn.Parameter(start.clone())
        optimizer = cls([parameter], lr=0.01, weight_decay=0.1, **MATCH)
        for gradient in gradients:
            parameter.grad = gradient.clone()
            optimizer.step()
        results.append(parameter.detach() - start)
    difference = (results[0] - results[1]).norm() / results[1].norm()
    assert difference < 0.02


def test_matrices_of_one_shape_do_not_touch_one_another():
    torch.manual_seed(0)
    starts = [torch.randn(8, 12), torch.randn(12, 8), torch.randn(8, 12)]
    gradients = [torch.randn_like(start) for start in starts]
    together = [nn.Parameter(start.clone()) for start in starts]
    for parameter, gradient in zip(together, gradients, strict=True):
        parameter.grad = gradient.clone()
    Muon(together, lr=0.1, **MATCH).step()
    for parameter, start, gradient in zip(together, starts, gradients, strict=True):
        alone = nn.Parameter(start.clone())
        alone.grad = gradient.clone()
        Muon([alone], lr=0.1, **MATCH).step()
        torch.testing.assert_close(parameter, alone)


def test_hidden_matrices_leave_out_embeddings_and_heads():
    config = AutoConfig.for_model(
        "gpt2", n_embd=16, n_layer=1, n_head=2, vocab_size=40, n_positions=8
    )
    names = hidden_matrices(AutoModelForCausalLM.from_config(config))
    assert names == {
        f"transformer.h.0.{part}.weight"
        for part in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    }
    config.pad_token_id = 0
    classifier = AutoModelForSequenceClassification.from_config(config)
    assert "score.weight" not in hidden_matrices(classifier)


def both():
    torch.manual_seed(0)
    matrix, vector = nn.Parameter(torch.randn(6, 8)), nn.Parameter(torch.randn(8))
    made = MuonWithAdamW(Muon([matrix], lr=0.01, **MATCH), torch.optim.AdamW([vector], lr=0.01))
    return matrix, vector, made


def step(matrix, vector, optimizer, seed):
    torch.manual_seed(seed)
    matrix.grad, vector.grad = torch.randn(6, 8), torch.randn(8)
    optimizer.step()
    optimizer.zero_grad()


def test_the_pair_takes_one_schedule():
    _, _, optimizer = both()
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    optimizer.step()
    schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.005, 0.005]
    assert optimizer.muon.param_groups[0]["lr"] == 0.005


def test_the_pair_resumes_bit_for_bit():
    matrix, vector, optimizer = both()
    for seed in range(3):
        step(matrix, vector, optimizer, seed)
    saved = copy.deepcopy(optimizer.state_dict())
    values = matrix.detach().clone(), vector.detach().clone()
    step(matrix, vector, optimizer, 9)

    again_matrix, again_vector, again = both()
    again_matrix.data, again_vector.data = values
    again.load_state_dict(saved)
    step(again_matrix, again_vector, again, 9)
    assert torch.equal(matrix, again_matrix)
    assert torch.equal(vector, again_vector)
    schedule = torch.optim.lr_scheduler.LambdaLR(again, lambda _: 0.1)
    assert again.muon.param_groups[0]["lr"] == pytest.approx(0.001)
    assert schedule.get_last_lr() == [pytest.approx(0.001)] * 2
