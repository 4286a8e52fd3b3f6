"""The guard: weights stay finite, what happened is told, and a run goes on where it can."""

import json
import math

import pytest
import torch

from lmkit.errors import GuardStopError
from lmkit.training.guard import (
    MOST_SKIPPED,
    DivergedError,
    MicroBatchTooLargeError,
    marked,
)

CPU_SHORT = "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"


def poison(run, at, value=math.nan, rows=None):
    """Let the loss of the steps (or of the rows) be no number, only while training."""
    original = run.task.loss

    def poisoned(outputs, batch, label_smoothing=0.0):
        total = original(outputs, batch, label_smoothing)
        step = run.trainer.state.global_step + 1
        hit = rows is None or any(torch.equal(row[: len(rows)], rows) for row in batch["labels"])
        return total * value if step in at and hit else total

    run.task.loss = poisoned


def weights(run):
    return [parameter.detach().clone() for parameter in run.model.parameters()]


def lines(run, key="loss"):
    return [line[key] for line in run.trainer.state.log_history if key in line]


def report(run):
    return json.loads(run.trainer.setup.guard.report.read_text())["incidents"]


@pytest.mark.parametrize(
    "value", [math.nan, *(pytest.param(v, marks=pytest.mark.slow) for v in (math.inf, -math.inf))]
)
@pytest.mark.parametrize("layout", [{}, {"micro": 2}, {"max_grad_norm": 1.0}])
def test_the_weights_stay_those_of_the_step_before(toy_run, value, layout):
    run = toy_run(save_strategy="steps", decided={"save_steps": 2}, **layout)
    poison(run, {4}, value)
    before = toy_run("before", **{**layout, "max_steps": 3})
    before.trainer.train()
    with pytest.raises(
        GuardStopError, match=r"step 4: the loss is -?(nan|inf).*checkpoint-2\."
    ) as e:
        run.trainer.train()
    assert e.value.exit_code == 3
    for one, other in zip(weights(run), weights(before), strict=True):
        assert torch.equal(one, other)
    assert len(lines(run)) == 3
    assert all(map(math.isfinite, lines(run)))


def test_the_report_names_step_rows_rate_and_losses(toy_run):
    run = toy_run(micro=3)
    bad = run.order.plan(0).indices(1, 1, 0)[0]
    poison(run, {2}, rows=torch.tensor(run.data[0, bad]["labels"]))
    with pytest.raises(GuardStopError, match=f"no checkpoint yet.*not finite on example {bad} "):
        run.trainer.train()
    (met,) = report(run)
    assert (met["step"], met["kind"], met["action"]) == (2, "nonfinite", "stop")
    assert (met["loss"], met["grad_norm"], met["learning_rate"]) == ("nan", "nan", 0.1)
    plan = run.order.plan(0)
    assert [one["example"] for one in met["examples"]] == [
        row for micro in range(3) for row in plan.indices(1, micro, 0)
    ]
    assert {one["example"] for one in met["examples"] if one["loss"] == "nan"} == {bad}
    assert all(len(one["sha256"]) == 64 for one in met["examples"])


def test_a_skipped_step_is_as_if_it_had_no_gradient(toy_run):
    """The other steps are those of a run that left it out; the loss is the mean over the others."""
    run = toy_run(guard={"on_nonfinite": "skip"}, optim="adamw_torch", decided={"logging_steps": 3})
    poison(run, {2})
    run.trainer.train()
    assert run.trainer.state.global_step == 6
    assert all(torch.isfinite(p).all() for p in run.model.parameters())

    plain = toy_run("plain", optim="adamw_torch")
    original = plain.trainer._get_grad_norm

    def without_the_second(model, grad_norm=None):
        norm = original(model, grad_norm)
        if plain.trainer.state.global_step == 1:
            model.zero_grad(set_to_none=True)
        return norm

    plain.trainer._get_grad_norm = without_the_second
    plain.trainer.train()
    for one, other in zip(weights(run), weights(plain), strict=True):
        assert torch.equal(one, other)
    single = lines(plain)
    assert lines(run) == pytest.approx([(single[0] + single[2]) / 2, sum(single[3:]) / 3])
    assert lines(run, "skipped_steps") == [1]
    made = (sum(single) - single[1]) / 5
    assert run.trainer.mean_loss() == pytest.approx(made)
    assert run.trainer.totals.incidents.summary() == {
        "skipped_steps": 1, "rollbacks": 0, "warnings": 0,
    }  # fmt: skip


def test_a_line_of_skipped_steps_alone_has_no_loss(toy_run):
    run = toy_run(guard={"on_nonfinite": "skip"})
    poison(run, {3})
    run.trainer.train()
    assert [math.isfinite(loss) for loss in lines(run)] == [True, True, False, True, True, True]


def test_skipping_is_bounded(toy_run):
    run = toy_run(guard={"on_nonfinite": "skip"}, max_steps=30)
    poison(run, set(range(5, 30)))
    with pytest.raises(GuardStopError, match=f"step 15: .*{MOST_SKIPPED} steps were skipped"):
        run.trainer.train()
    assert [met["action"] for met in report(run)] == ["skip"] * MOST_SKIPPED + ["stop"]


def test_skips_survive_a_resume(toy_run):
    options = {
        "guard": {"on_nonfinite": "skip"}, "save_strategy": "steps", "max_steps": 8,
        "decided": {"save_steps": 3, "logging_steps": 4},
    }  # fmt: skip
    whole, again = toy_run("whole", **options), toy_run("again", **options)
    for run in (whole, again):
        poison(run, {2, 6})
    whole.trainer.train()
    saved = whole.trainer.setup.guard.report.parent / "checkpoint-3"
    again.trainer.train(resume_from_checkpoint=str(saved))
    assert lines(again) == lines(whole)
    assert report(again) == report(whole)
    assert again.trainer.mean_loss() == whole.trainer.mean_loss()


def test_a_mark_changes_no_finite_gradient():
    for value in (2.0, math.inf, math.nan):
        weight = torch.tensor([1.5, -0.5], requires_grad=True)
        # the gradient of a constant that is not finite would not show it
        marked((weight * 3).sum() + value).backward()
        assert torch.isfinite(weight.grad).all() == math.isfinite(value)
    weight = torch.tensor([1.5, -0.5], requires_grad=True)
    marked((weight**2).sum()).backward()
    assert torch.equal(weight.grad, torch.tensor([3.0, -1.0]))


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError(CPU_SHORT)])
def test_a_step_without_memory_leaves_no_trace(toy_run, error):
    run, before = toy_run(micro=2), toy_run("before", max_steps=2)
    original = run.task.forward

    def short(model, batch):
        if run.trainer.state.global_step == 2 and run.model.transformer.wte.weight.grad is not None:
            raise error  # in the second micro-batch
        return original(model, batch)

    run.task.forward = short
    with pytest.raises(MicroBatchTooLargeError):
        run.trainer.train()
    before.trainer.train()
    assert run.trainer.totals.tokens == before.trainer.totals.tokens
    assert run.trainer.totals.steps == 2
    assert run.trainer._tr_loss.item() == 0.0
    assert all(parameter.grad is None for parameter in run.model.parameters())


def jump(run, after=12, losses=30):
    """Let the logged loss leap after a step; the training itself is sound."""
    original = run.trainer.log

    def log(logs, start_time=None):
        if "loss" in logs:
            logs = logs | {"loss": 3.0 if run.trainer.state.global_step <= after else losses}
        original(logs, start_time)

    run.trainer.log = log


def test_a_divergence_is_told_once(toy_run, caplog):
    run = toy_run(max_steps=16)
    jump(run)
    run.trainer.train()
    assert [(met["step"], met["kind"], met["action"]) for met in report(run)] == [
        (14, "loss_spike", "warn")
    ]
    assert caplog.text.count("the loss jumped from about 3 to 30 after step 12") == 1


def test_a_divergence_may_stop_or_go_back(toy_run):
    run = toy_run(
        max_steps=16, guard={"on_divergence": "stop"}, save_strategy="steps",
        decided={"save_steps": 5},
    )  # fmt: skip
    jump(run)
    with pytest.raises(GuardStopError, match=r"step 14: the loss jumped.*checkpoint-10\."):
        run.trainer.train()
    back = toy_run("back", max_steps=16, guard={"on_divergence": "rollback"})
    jump(back)
    with pytest.raises(DivergedError) as found:
        back.trainer.train()
    assert (found.value.step, found.value.alarm.since, found.value.rollbacks) == (14, 12, 0)


@pytest.mark.parametrize("schedule", ["linear", "reduce_lr_on_plateau"])
def test_what_is_carried_slows_down_and_is_saved_so(toy_run, schedule):
    options = {
        "max_steps": 8, "lr_scheduler_type": schedule, "save_strategy": "steps",
        "save_total_limit": 9, "eval_strategy": "steps",
        "decided": {"save_steps": 2, "eval_steps": 2},
    }  # fmt: skip
    run = toy_run("run", **options)
    run.trainer.train()
    home = run.trainer.setup.guard.report.parent
    back = {"step": 5, "kind": "loss_spike", "action": "rollback", "text": ""}
    slower = toy_run("slower", **options, guard={"carried": (back,)})
    slower.trainer.train(resume_from_checkpoint=str(home / "checkpoint-2"))
    rates, usual = lines(slower, "learning_rate"), lines(run, "learning_rate")
    assert rates[:2] == usual[:2]
    assert rates[2:] == pytest.approx([rate / 2 for rate in usual[2:]])
    again = toy_run("again", **options)
    saved = slower.trainer.setup.guard.report.parent / "checkpoint-6"
    again.trainer.train(resume_from_checkpoint=str(saved))
    assert again.trainer.totals.incidents.found == [back]
    for one, other in zip(weights(again), weights(slower), strict=True):
        assert torch.equal(one, other)
