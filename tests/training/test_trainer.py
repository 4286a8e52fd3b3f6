"""The exact loss: the same for every way to deal out a batch, and equal to a loop written out."""

import pytest
import torch
from torch.nn import functional


def losses(run):
    return [line["loss"] for line in run.trainer.state.log_history if "loss" in line]


def difference(one, other):
    pairs = zip(one.model.parameters(), other.model.parameters(), strict=True)
    return max((a - b).abs().max().item() for a, b in pairs)


@pytest.mark.parametrize(("total", "micro"), [(8, 4), (8, 2), (8, 1), (8, 3)])
def test_accumulation_changes_nothing(toy_run, total, micro):
    whole, parts = toy_run("a"), toy_run("b", total=total, micro=micro)
    whole.trainer.train()
    parts.trainer.train()
    assert losses(parts) == pytest.approx(losses(whole), abs=1e-6)
    assert difference(whole, parts) < 1e-6


def test_it_is_the_loop_one_would_write(toy_run):
    """Six steps of SGD on the mean over the tokens of a step, in the order of the plan."""
    run, plain = toy_run("a"), toy_run("b")
    run.trainer.train()
    plain.task.head.detach()
    model = plain.model.train()
    expected, number = [], 0
    for epoch in range(2):
        for step in range(3):
            rows = [
                plain.data[epoch, i]
                for micro in range(plain.order.plan(epoch).micro_batches(step))
                for i in plain.order.plan(epoch).indices(step, micro, 0)
            ]
            total, count = torch.zeros(()), 0
            for row in rows:  # one document at a time: no padding at all
                logits = model(input_ids=torch.tensor(row["input_ids"])[None]).logits[0]
                gold = torch.tensor(row["labels"])
                total = total + functional.cross_entropy(logits, gold, reduction="sum")
                count += len(gold)
            loss = total / count
            expected.append(loss.item())
            loss.backward()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter -= 0.1 * parameter.grad
                    parameter.grad = None
            number += 1
    assert losses(run) == pytest.approx(expected, abs=1e-6)
    assert difference(run, plain) < 1e-6


def test_a_short_last_step_counts_what_it_has(toy_run):
    """21 documents, 8 a step: the third step has 5, and its mean is over their tokens alone."""
    whole = toy_run("a", examples=21, max_steps=3)
    parts = toy_run("b", examples=21, max_steps=3, micro=2)
    whole.trainer.train()
    parts.trainer.train()
    assert losses(parts) == pytest.approx(losses(whole), abs=1e-6)
    assert difference(whole, parts) < 1e-6
    assert whole.trainer.totals.tokens == int(whole.data.lengths.sum())


def test_label_smoothing_is_torchs(toy_run):
    run = toy_run(label_smoothing_factor=0.2, max_steps=1, total=24, micro=24)
    batch = run.task.collate([run.data[0, i] for i in range(24)])
    run.task.head.detach()
    logits = run.model(input_ids=batch["input_ids"]).logits.flatten(0, 1)
    expected = functional.cross_entropy(logits, batch["labels"].flatten(), label_smoothing=0.2)
    run.task.head.attach()
    run.trainer.train()
    assert losses(run) == [pytest.approx(expected.item(), abs=1e-6)]


def test_the_mean_loss_covers_every_step(toy_run):
    run = toy_run(max_steps=5, decided={"logging_steps": 2})
    every = toy_run("b", max_steps=5)
    run.trainer.train()
    every.trainer.train()
    assert len(losses(run)) == 2
    mean = sum(losses(every)) / 5
    assert run.trainer.mean_loss() == pytest.approx(mean, abs=1e-6)
    assert every.trainer.mean_loss() == pytest.approx(mean, abs=1e-6)
