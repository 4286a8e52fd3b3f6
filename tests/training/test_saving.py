"""Checkpoints are whole or absent, and a resumed run is the run that was not interrupted."""

import io
import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from lmkit.errors import CheckpointError, GuardStopError
from lmkit.training import checkpoint
from lmkit.training.saving import last_good, not_finite


def losses(run):
    return [(x["step"], x["loss"]) for x in run.trainer.state.log_history if "loss" in x]


def home(run):
    return Path(run.trainer.args.output_dir)


SAVING = {"save_strategy": "steps", "decided": {"save_steps": 2}}


@pytest.mark.parametrize(
    "train", [{}, pytest.param({"optim": "muon", "learning_rate": 0.01}, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("layout", [{}, {"micro": 3}, {"strategy": "group_by_length"}])
def test_a_resume_is_bit_for_bit(toy_run, train, layout):
    options = {"dropout": 0.1, "max_steps": 8, **SAVING, **train, **layout}
    whole = toy_run("whole", **options)
    whole.trainer.train()

    again = toy_run("again", **options)
    shutil.copytree(home(whole) / "checkpoint-4", home(again) / "checkpoint-4")
    again.trainer.train(resume_from_checkpoint=str(home(again) / "checkpoint-4"))

    for one, other in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert state(again) == state(whole)
    assert losses(again) == losses(whole)
    assert again.trainer.totals.tokens == whole.trainer.totals.tokens
    assert again.trainer.mean_loss() == whole.trainer.mean_loss()


@pytest.mark.slow
# a forked child of a process with threads, as every loader with workers is
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("persistent", [None, False, True])
def test_a_resume_with_loader_workers_in_any_epoch(toy_run, persistent):
    """Also at the end of an epoch (3 steps), where workers that stay draw no new seed."""
    loader = {}
    if persistent is not None:
        loader = {
            "dataloader_num_workers": 2,
            "dataloader_persistent_workers": persistent,
            "dataloader_multiprocessing_context": "fork",
        }
    options = {"dropout": 0.1, "max_steps": 7, "save_total_limit": None, **loader}
    whole = toy_run("whole", save_strategy="steps", decided={"save_steps": 1}, **options)
    whole.trainer.train()
    for step in (3, 4):
        again = toy_run(f"again-{step}", save_strategy="no", **options)
        read = watched(again.data)
        again.trainer.train(resume_from_checkpoint=str(home(whole) / f"checkpoint-{step}"))
        assert losses(again) == losses(whole)
        assert state(again) == state(whole)
        if persistent is None:
            assert len(read) == 8 * (7 - step)  # no row of a step that was done


def watched(examples):
    """A list that grows with the rows that are read."""
    read, rows = [], examples.rows

    class Rows(list):
        def __getitem__(self, index):
            read.append(index)
            return super().__getitem__(index)

    examples.rows = Rows(rows)
    return read


def state(run):
    """Weights and optimizer state, as bytes."""
    trainer = run.trainer
    kept = [
        trainer.optimizer.state_dict(),
        trainer.lr_scheduler.state_dict(),
        run.model.state_dict(),
    ]
    file = io.BytesIO()
    torch.save(kept, file)
    return file.getvalue()


@pytest.mark.slow
def test_the_loss_between_two_log_lines_survives_a_checkpoint(toy_run):
    options = {"max_steps": 8, "save_strategy": "steps"}
    whole = toy_run("whole", **options, decided={"save_steps": 2, "logging_steps": 4})
    whole.trainer.train()
    again = toy_run("again", **options, decided={"save_steps": 2, "logging_steps": 4})
    again.trainer.train(resume_from_checkpoint=str(home(whole) / "checkpoint-6"))
    assert losses(again)[-1] == losses(whole)[-1]


def test_what_is_saved_is_sealed_and_nothing_is_left_aside(toy_run):
    run = toy_run(**SAVING, save_total_limit=2)
    run.trainer.train()
    found = checkpoint.checkpoints(home(run))
    assert [path.name for path in found] == ["checkpoint-6", "checkpoint-4"]
    assert all(checkpoint.fault(path, "run") is None for path in found)
    assert {path.name for path in home(run).iterdir()} == {"checkpoint-6", "checkpoint-4"}
    state = json.loads((found[0] / "trainer_state.json").read_text())
    assert ".tmp" not in json.dumps(state)


def test_the_best_is_kept_and_named_by_its_own_name(toy_run):
    run = toy_run(
        save_strategy="steps", eval_strategy="steps", load_best_model_at_end=True,
        metric_for_best_model="loss", greater_is_better=False, save_total_limit=1, max_steps=8,
        decided={"save_steps": 2, "eval_steps": 2},
    )  # fmt: skip
    scores = iter([1.0, 0.5, 2.0, 3.0])
    run.trainer.evaluate_split = lambda _step: {"loss": next(scores)}
    run.trainer.train()
    assert run.trainer.state.best_global_step == 4
    assert run.trainer.state.best_model_checkpoint == str(home(run) / "checkpoint-4")
    names = {path.name for path in checkpoint.checkpoints(home(run))}
    assert "checkpoint-4" in names
    reopened = toy_run("x", max_steps=8)
    reopened.trainer.reopen(str(home(run) / "checkpoint-4"))
    for one, other in zip(run.model.parameters(), reopened.model.parameters(), strict=True):
        assert torch.equal(one, other)


class Mark:
    """Leaves a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    ("name", "packed"),
    [("optimizer.pt", True), ("optimizer.pt", False), ("scheduler.pt", True),
     ("rng_state.pth", True)],
)  # fmt: skip
def test_code_under_a_valid_seal_does_not_run(toy_run, tmp_path, name, packed):
    run = toy_run(save_strategy="steps", max_steps=4, decided={"save_steps": 2})
    run.trainer.train()
    folder = home(run) / "checkpoint-2"
    torch.save({"state": Mark(tmp_path / "it-ran")}, folder / name,
               _use_new_zipfile_serialization=packed)  # fmt: skip
    checkpoint.seal(folder, "run")
    assert checkpoint.newest_whole(home(run), "run").skipped == []
    again = toy_run("again", max_steps=4)
    with pytest.raises(CheckpointError, match=r"checkpoint-2: .*\.mkdir\) that could run code"):
        again.trainer.train(resume_from_checkpoint=str(folder))
    assert not (tmp_path / "it-ran").exists()


SCORED = {
    "save_strategy": "steps", "eval_strategy": "steps", "load_best_model_at_end": True,
    "metric_for_best_model": "loss", "greater_is_better": False, "max_steps": 8,
}  # fmt: skip


def test_trainer_deletes_no_checkpoint_at_the_end(toy_run):
    """It would delete the last one, the only one to make the run longer from."""
    run = toy_run(**SCORED, save_total_limit=1, decided={"save_steps": 2, "eval_steps": 2})
    scores = iter([1.0, 0.5, 2.0, 3.0])
    run.trainer.evaluate_split = lambda _step: {"loss": next(scores)}
    run.trainer.train()
    assert {path.name for path in home(run).iterdir()} == {"checkpoint-4", "checkpoint-8"}


def test_only_what_is_saved_can_be_the_best(toy_run):
    run = toy_run(**SCORED, decided={"save_steps": 4, "eval_steps": 2})
    scores = iter([0.1, 0.5, 0.2, 3.0])
    run.trainer.evaluate_split = lambda _step: {"loss": next(scores)}
    run.trainer.train()
    assert (run.trainer.state.best_metric, run.trainer.state.best_global_step) == (0.5, 4)
    assert run.trainer.state.best_model_checkpoint == str(home(run) / "checkpoint-4")


def test_the_best_whose_save_failed_is_not_the_best(toy_run, monkeypatch, caplog):
    run = toy_run(**SCORED, decided={"save_steps": 2, "eval_steps": 2})
    run.trainer.on_save_error = "continue"
    scores = iter([1.0, 0.1, 0.9, 3.0])
    run.trainer.evaluate_split = lambda _step: {"loss": next(scores)}
    fail_after(monkeypatch, run, 4, 5)
    run.trainer.train()
    assert "checkpoint-4 could not be written" in caplog.text
    assert (run.trainer.state.best_metric, run.trainer.state.best_global_step) == (0.9, 6)
    reopened = toy_run("x", max_steps=8)
    reopened.trainer.reopen(str(home(run) / "checkpoint-6"))
    for one, other in zip(run.model.parameters(), reopened.model.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_weight_that_is_not_finite_is_named(value, dtype):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)).to(dtype)
    model.register_parameter("empty", torch.nn.Parameter(torch.zeros(0)))
    assert not_finite(model) is None
    with torch.no_grad():
        model[1].weight[1, 2] = value
    assert not_finite(model) == "1.weight"


@pytest.mark.parametrize("on_save_error", ["stop", "continue"])
def test_weights_that_are_not_finite_are_not_saved(toy_run, monkeypatch, on_save_error):
    run = toy_run(**SAVING, save_total_limit=1)
    run.trainer.on_save_error = on_save_error
    original = run.trainer.create_optimizer().step

    def step(*args, **kwargs):
        original(*args, **kwargs)
        if run.trainer.state.global_step == 3:
            with torch.no_grad():
                run.model.transformer.h[1].mlp.c_fc.bias[0] = torch.inf

    monkeypatch.setattr(run.trainer.optimizer, "step", step)
    told = r"after step 4 the weights in transformer.h.1.mlp.c_fc.bias .* is .*/checkpoint-2\. Try"
    with pytest.raises(GuardStopError, match=told):
        run.trainer.train()
    assert {path.name for path in home(run).iterdir()} == {"checkpoint-2"}


def test_what_is_torn_is_not_called_good(toy_run):
    run = toy_run(**SAVING)
    run.trainer.train()
    (home(run) / "checkpoint-6" / "optimizer.pt").unlink()
    assert last_good(home(run)) == f"The last good checkpoint is {home(run)}/checkpoint-4."
    assert last_good(home(run) / "none") == "There is no checkpoint yet."


def fail_after(monkeypatch, run, step, until=100):
    """Let the disk fill up while the optimizer of that step is written."""
    original = run.trainer._save_optimizer_and_scheduler

    def full(folder):
        if step <= run.trainer.state.global_step < until:
            raise OSError(28, "No space left on device")
        original(folder)

    monkeypatch.setattr(run.trainer, "_save_optimizer_and_scheduler", full)


def test_a_failed_save_stops_and_leaves_no_debris(toy_run, monkeypatch):
    run = toy_run(**SAVING)
    fail_after(monkeypatch, run, 4)
    with pytest.raises(CheckpointError, match=r"checkpoint-4 could not be written.*checkpoint-2"):
        run.trainer.train()
    assert {path.name for path in home(run).iterdir()} == {"checkpoint-2"}


def test_a_failed_save_may_be_passed_over(toy_run, monkeypatch, caplog):
    run = toy_run(**SAVING)
    run.trainer.on_save_error = "continue"
    fail_after(monkeypatch, run, 4)
    run.trainer.train()
    assert run.trainer.state.global_step == 6
    assert {path.name for path in home(run).iterdir()} == {"checkpoint-2"}
    assert "could not be written" in caplog.text


def test_torch_does_not_say_that_the_disk_is_full(toy_run, monkeypatch):
    run = toy_run(**SAVING)
    real = shutil.disk_usage

    def full(folder):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=0))
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos\nframe #0")

    monkeypatch.setattr(run.trainer, "_save_optimizer_and_scheduler", full)
    with pytest.raises(
        CheckpointError, match=r"unexpected pos \(0\.\d MB needed, 0\.0 MB free\)\."
    ):
        run.trainer.train()
    assert list(home(run).iterdir()) == []


def test_too_little_space_is_said_before_it_is_used(toy_run, monkeypatch):
    run = toy_run(**SAVING)
    run.trainer._last_size = 10**18
    with pytest.raises(CheckpointError, match=r"MB needed, .* MB free"):
        run.trainer.train()
    assert list(home(run).iterdir()) == []
