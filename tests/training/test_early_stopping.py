"""A run that stops early stops at the same step however often it was interrupted."""

from pathlib import Path

import pytest

from lmkit.training.early_stopping import EarlyStopping, stopped_at


@pytest.fixture
def stopping(toy_run):
    """Builds a run whose evaluations are all alike, so that none improves on the first."""

    def make(folder):
        run = toy_run(
            folder, max_steps=9, metric_for_best_model="loss", greater_is_better=False,
            load_best_model_at_end=True, eval_strategy="steps", save_strategy="steps",
            save_total_limit=None, decided={"save_steps": 1, "eval_steps": 1},
        )  # fmt: skip
        run.trainer.add_callback(EarlyStopping(3, 0.0))
        return run

    return make


@pytest.mark.parametrize("step", [1, 3])
def test_the_count_goes_on_after_a_resume(stopping, tmp_path: Path, step: int) -> None:
    stopping("whole").trainer.train()
    steps = {int(path.name.rpartition("-")[2]) for path in (tmp_path / "whole").iterdir()}
    assert steps == {1, 2, 3, 4}
    again = stopping("again")
    again.trainer.train(resume_from_checkpoint=str(tmp_path / f"whole/checkpoint-{step}"))
    assert again.trainer.state.global_step == 4


def test_which_checkpoint_is_the_last(stopping, tmp_path: Path) -> None:
    stopping("whole").trainer.train()
    assert stopped_at(tmp_path / "whole/checkpoint-4", 3)
    assert not stopped_at(tmp_path / "whole/checkpoint-3", 3)
    assert not stopped_at(tmp_path / "whole/checkpoint-4", 4)  # more patience was asked for since
    assert not stopped_at(tmp_path / "nowhere", None)
