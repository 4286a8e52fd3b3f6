"""The examples of a step, each by itself; which is named: tests/training/test_guard.py."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from lmkit.training.culprits import mean_loss, named, score_alone


def test_each_example_of_the_step_is_there_once_with_its_own_loss(toy_run):
    run = toy_run(examples=21, micro=3)
    found = score_alone(
        lambda batch: mean_loss(run.task, run.model.eval(), batch), run.task.collate,
        lambda ids: "".join(map(chr, ids)) * 100, run.data, run.order, 3 + 1,
    )  # fmt: skip
    plan = run.order.plan(1)
    expected = [row for micro in range(3) for row in plan.indices(1, micro, 0)]
    assert [one["example"] for one in found] == expected
    assert len(set(expected)) == 8
    assert all(one["epoch"] == 1 and one["rank"] == 0 for one in found)
    assert all(len(one["opening"]) == 80 for one in found)
    run.task.head.detach()
    for one in found:
        row = run.data[1, one["example"]]
        logits = run.model(input_ids=torch.tensor(row["input_ids"])[None]).logits[0]
        alone = functional.cross_entropy(logits, torch.tensor(row["labels"]))
        assert one["loss"] == pytest.approx(alone.item(), abs=1e-6)


def test_a_loss_that_needs_others_is_none():
    assert mean_loss(SimpleNamespace(step_keys=("labels",)), torch.nn.Identity(), {}) is None


def test_three_are_named():
    rows = [{"example": n, "opening": "a\nb", "loss": math.nan} for n in range(5)]
    assert named(rows) == (
        r"The loss is not finite on example 0 ('a\nb'), 1 ('a\nb'), 2 ('a\nb') and 2 more. "
    )
    assert named([{"example": 0, "opening": "", "loss": 1.0}]) == ""
    assert named([{"example": 0, "opening": "", "loss": None}]) == ""
