"""One session of training: what it resumes from, what it counts; more in tests/test_resume.py."""

import json
import shutil
from pathlib import Path

import pytest
from transformers.trainer_callback import PrinterCallback, TrainerState

from lmkit.commands import session as sessions
from lmkit.commands import train


@pytest.fixture
def run(cli, small_recipe: Path) -> Path:
    """A finished run of 8 steps that lost its end: it is to be resumed."""
    assert cli("pretrain", small_recipe, "-o", "run").code == 0
    for name in ("summary.json", "model"):
        path = Path("run", name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return Path("run").absolute()


def test_why_a_step_is_kept() -> None:
    state = TrainerState(global_step=30, best_metric=0.75, best_global_step=20)
    state.log_history = [{"eval_macro_f1": 0.5}, {"loss": 1.0}, {"eval_macro_f1": 0.75}]
    assert sessions.kept_because(state, "macro_f1", 20) == (
        "the best macro_f1 on the validation data (0.7500) of 2 evaluations; training went to "
        "step 30"
    )
    assert sessions.kept_because(state, "macro_f1", None).startswith("the last; no best one is")


def test_after_the_last_step_nothing_is_trained_again(cli, run: Path, monkeypatch) -> None:
    lines = (run / "metrics.jsonl").read_text()
    monkeypatch.setattr(sessions.ExactTrainer, "train", lambda *_, **__: pytest.fail("trained"))
    ended = cli("pretrain", "small.yaml", "-o", "run", "--resume", "--json")
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert summary["train"]["steps"] == 8
    assert summary["train"]["tokens"] == json.loads(lines.splitlines()[-2])["tokens"]
    assert (run / "metrics.jsonl").read_text() == lines
    assert (run / "model/model.safetensors").exists()


def test_lines_of_steps_that_are_done_again_are_cut(cli, run: Path) -> None:
    shutil.rmtree(run / "checkpoints/checkpoint-8")
    assert cli("pretrain", "small.yaml", "-o", "run", "--resume").code == 0
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 4, 6, 8, 8]


def test_the_evaluation_at_the_start_is_not_made_again(cli, small_recipe: Path) -> None:
    words = ["pretrain", small_recipe, "-o", "run", "--set", "train.eval_on_start=true"]
    assert cli(*words, "--set", "train.max_steps=4").code == 0
    assert cli(*words, "--resume").code == 0
    lines = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 2, 4, 4, 6, 8, 8]


def test_checkpoints_that_cannot_be_resumed(cli, run: Path) -> None:
    for path in (run / "checkpoints").iterdir():
        (path / "model.safetensors").write_bytes(b"")
    ended = cli("pretrain", "small.yaml", "-o", "run", "--resume")
    assert ended.code == 2
    assert "no checkpoint can be resumed: checkpoint-8: model.safetensors has 0 bytes" in ended.err
    assert "start anew with --overwrite" in ended.err


def test_the_checkpoints_of_another_run_are_not_ours(cli, run: Path, small_recipe: Path) -> None:
    assert cli("pretrain", small_recipe, "-o", "other").code == 0
    shutil.rmtree(run / "checkpoints")
    shutil.copytree("other/checkpoints", run / "checkpoints")
    ended = cli("pretrain", "small.yaml", "-o", "run", "--resume")
    assert ended.code == 2
    assert "it belongs to another run" in ended.err


def test_what_a_killed_save_left_is_removed(cli, run: Path) -> None:
    (run / "checkpoints/.tmp-checkpoint-9/checkpoint-9").mkdir(parents=True)
    aside = run / "checkpoints/.tmp-checkpoint-8"
    aside.mkdir()  # sealed, and killed before it had its name
    (run / "checkpoints/checkpoint-8").rename(aside / "checkpoint-8")
    assert cli("pretrain", "small.yaml", "-o", "run", "--resume").code == 0
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
        "checkpoint-4", "checkpoint-8",
    ]  # fmt: skip


def test_nothing_prints_to_standard_output(cli, small_recipe: Path, monkeypatch) -> None:
    seen = []
    real = train.train_session

    def watched(session):
        made = sessions._trainer(
            session, sessions.StopSignals(), sessions.Place(session.recipe, None)
        )
        seen.extend(type(callback) for callback in made.callback_handler.callbacks)
        return real(session)

    monkeypatch.setattr(train, "train_session", watched)
    assert cli("pretrain", small_recipe, "-o", "run").code == 0
    assert seen
    assert PrinterCallback not in seen


def test_data_seed_changes_the_order_alone(cli, small_recipe: Path) -> None:
    def first(name: str, *sets: str) -> float:
        words = [word for key in ("train.logging_steps=1", *sets) for word in ("--set", key)]
        assert cli("pretrain", small_recipe, "-o", name, *words).code == 0
        return float(json.loads(Path(name, "metrics.jsonl").read_text().splitlines()[0])["loss"])

    plain = first("a")
    assert first("b", "train.data_seed=42") == plain
    assert first("c", "train.data_seed=7") != plain
