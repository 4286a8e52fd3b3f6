"""In-batch negatives of a whole step: micro-batches give the gradient of the batch in one piece."""

import copy

import pytest
import torch
from torch import nn

from lmkit.models.choosing import in_batch_nll
from lmkit.training.whole_step import WholeStep


class Pairs:
    """Rows of two vectors, as a task."""

    step_keys = ("labels", "keys")

    def __init__(self):
        self.seen = []

    def forward(self, model, batch):
        made = model(batch["x"])
        self.seen.append((torch.is_grad_enabled(), made.detach().clone()))
        return made

    def loss(self, outputs, batch, label_smoothing=0.0):
        counted = batch["labels"] >= 0
        keys = batch["keys"][counted]
        return in_batch_nll(outputs[counted], keys, 0.1, label_smoothing).sum()


def network(dropout=0.0):
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 8))
    return layers.double()  # gradients of a sum are large; their seventh digit is compared


def rows(count=8):
    torch.manual_seed(1)
    keys = torch.arange(2 * count).reshape(count, 2)
    keys[3, 1] = keys[0, 1]  # equal positives in different micro-batches
    return {
        "x": torch.randn(count, 2, 6).double(),
        "labels": torch.zeros(count).long(),
        "keys": keys,
    }


def cut(batch, size):
    count = len(batch["labels"])
    return [
        {key: value[start : start + size] for key, value in batch.items()}
        for start in range(0, count, size)
    ]


def run(model, batches, smoothing=0.0):
    """The summed shares of a step, as Trainer takes them, and the task that saw it."""
    task = Pairs()
    step = WholeStep(task, lambda batch: batch, smoothing=smoothing, world_size=1, rank=0)
    step.begin(batches)
    total = 0.0
    for batch in batches:
        share = step.loss(model, batch)
        share.backward()
        total += share.item()
    return total, task


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("size", [8, 4, 3, 1])
def test_the_gradient_is_that_of_the_whole_batch(size, smoothing):
    batch, whole = rows(), network()
    parts = copy.deepcopy(whole)
    task = Pairs()
    wanted = task.loss(whole(batch["x"]), batch, smoothing)
    wanted.backward()
    found, seen = run(parts, cut(batch, size), smoothing)
    assert found == pytest.approx(wanted.item(), abs=1e-9)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-6, rtol=0)
    runs = len(cut(batch, size))
    assert len(seen.seen) == (1 if runs == 1 else 2 * runs)  # one micro-batch is run once


def test_fillers_change_nothing():
    batch, whole = rows(), network()
    padded = {key: torch.cat([value, value[:1]]) for key, value in batch.items()}
    padded["labels"][-1] = -100
    parts = copy.deepcopy(whole)
    wanted, _ = run(whole, [batch])
    found, _ = run(parts, cut(padded, 3))
    assert found == pytest.approx(wanted, abs=1e-9)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-6, rtol=0)


def test_dropout_draws_the_same_in_both_passes():
    batch, model = rows(), network(dropout=0.5).train()
    torch.manual_seed(7)
    found, task = run(model, cut(batch, 2))
    first = [made for graded, made in task.seen if not graded]
    second = [made for graded, made in task.seen if graded]
    assert len(first) == len(second) == 4
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(first[0], model.eval()(batch["x"][:2]))  # something was dropped
    # the logged loss is that of what the second pass made
    wanted = task.loss(torch.cat(second), batch)
    assert found == pytest.approx(wanted.item(), abs=1e-9)


def test_the_next_step_draws_anew_and_as_if_each_micro_batch_was_run_once():
    batch, model = rows(), network(dropout=0.5).train()
    torch.manual_seed(7)
    _, task = run(model, cut(batch, 2))
    after = torch.rand(1)
    torch.manual_seed(7)
    alone = [model(part["x"]).detach() for part in cut(batch, 2)]
    assert torch.equal(after, torch.rand(1))
    for made, (_, seen) in zip(alone, task.seen, strict=False):
        assert torch.equal(made, seen)


def _process(rank, world_size, file, results):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{file}", rank=rank, world_size=world_size
    )
    batch, model, task = rows(), network(), Pairs()
    own = cut(batch, 4)[rank]
    found = {}
    for size in (4, 2):
        model.zero_grad()
        step = WholeStep(task, lambda b: b, smoothing=0.0, world_size=world_size, rank=rank)
        batches = cut(own, size)
        step.begin(batches)
        total = torch.zeros((), dtype=torch.float64)
        for part in batches:
            share = step.loss(model, part)
            share.backward()
            total += share.detach()
        gradients = [parameter.grad for parameter in model.parameters()]
        for value in (total, *gradients):
            torch.distributed.all_reduce(value)
        found[size] = (total, [gradient.clone() for gradient in gradients])
    if rank == 0:
        torch.save(found, results)
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_processes_share_a_step(tmp_path):
    results = tmp_path / "found.pt"
    torch.multiprocessing.spawn(_process, args=(2, tmp_path / "meet", results), nprocs=2)
    batch, model, task = rows(), network(), Pairs()
    wanted = task.loss(model(batch["x"]), batch)
    wanted.backward()
    for total, gradients in torch.load(results, weights_only=True).values():
        assert total.item() == pytest.approx(wanted.item(), abs=1e-9)
        for gradient, parameter in zip(gradients, model.parameters(), strict=True):
            torch.testing.assert_close(gradient, parameter.grad, atol=1e-6, rtol=0)
