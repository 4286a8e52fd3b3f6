"""What a run tells: metrics.jsonl line by line, and a person on standard error."""

import io
import json
import logging
import math
from types import SimpleNamespace

import pytest

from lmkit.training import progress
from lmkit.training.progress import MetricsFile, Teller, _is_done, clock, cut_after


class Spent:
    """Totals whose tokens and seconds a test sets."""

    tokens = 0
    seconds = 0.0

    def elapsed(self):
        return self.seconds


def state(step, max_steps=100):
    return SimpleNamespace(global_step=step, max_steps=max_steps)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def metrics(tmp_path):
    return MetricsFile(tmp_path / "metrics.jsonl", Spent())


def test_a_training_line_has_the_speed_since_the_last(metrics):
    spent = metrics.totals
    spent.tokens, spent.seconds = 500, 50.0  # of the run before a resume
    metrics.on_train_begin(None, state(10), None)
    logs = {"loss": 2.5, "learning_rate": 1e-3, "grad_norm": 0.5, "epoch": 0.5, "other": 1}
    for step, tokens, seconds in ((11, 700, 52.0), (12, 760, 52.5)):
        spent.tokens, spent.seconds = tokens, seconds
        metrics.on_log(None, state(step), None, logs=logs)
    shared = {"epoch": 0.5, "loss": 2.5, "learning_rate": 1e-3, "grad_norm": 0.5}
    assert lines(metrics.path) == [
        {"step": 11, "tokens": 700, "tokens_per_second": 100.0, **shared},
        {"step": 12, "tokens": 760, "tokens_per_second": 120.0, **shared},
    ]
    assert logs["tokens_per_second"] == 120.0  # handed on, to the bar and TensorBoard


def test_an_evaluation_line_has_its_scores(metrics):
    metrics.on_log(None, state(7), None, logs={"eval_loss": 1.5, "eval_accuracy": 0.5, "epoch": 1})
    assert lines(metrics.path) == [{"step": 7, "eval_loss": 1.5, "eval_accuracy": 0.5, "epoch": 1}]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_null(metrics, value):
    metrics.on_log(None, state(1), None, logs={"loss": value, "grad_norm": 1.0, "epoch": 0.1})
    metrics.on_log(None, state(1), None, logs={"eval_loss": value})
    text = metrics.path.read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert [line.get("loss", line.get("eval_loss")) for line in lines(metrics.path)] == [None, None]


def test_other_lines_are_left_out(metrics):
    metrics.on_log(None, state(1), None, logs={"train_runtime": 3.0})
    metrics.on_log(None, state(1), None)
    assert not metrics.path.exists()


@pytest.mark.parametrize(
    ("step", "kept"),
    [(-1, ""), (0, "o"), (1, "oa"), (2, "oabc"), (3, "oabcd"), (9, "oabcd")],
)
@pytest.mark.parametrize("end", ["", '{"step": 1, "n": "cut sho', "[1]\nnot json\n\n\0\0\0"])
def test_lines_after_a_step_are_cut_and_damaged_ones_dropped(metrics, step, kept, end):
    steps = {"o": 0, "a": 1, "b": 2, "c": 2, "d": 3}
    whole = [json.dumps({"step": step, "n": name}) + "\n" for name, step in steps.items()]
    metrics.path.write_text("".join(whole) + end)
    cut_after(metrics.path, step)
    assert metrics.path.read_text() == "".join(whole[: len(kept)])


def test_only_the_end_of_a_long_file_is_read(metrics, monkeypatch):
    """Of a million steps as of a hundred."""
    read = []
    monkeypatch.setattr(progress, "_is_done", lambda *seen: read.append(seen) or _is_done(*seen))
    for steps in (100, 20_000):
        metrics.path.write_text("".join(f'{{"step": {step}}}\n' for step in range(steps)))
        cut_after(metrics.path, steps - 4)
        assert len(read) == 4
        assert len(metrics.path.read_text().splitlines()) == steps - 3
        read.clear()


def test_nothing_to_cut(metrics):
    cut_after(metrics.path, 5)
    assert not metrics.path.exists()


def test_a_real_run_writes_what_trainer_logged(toy_run, tmp_path):
    run = toy_run(max_steps=4, decided={"logging_steps": 2})
    metrics = MetricsFile(tmp_path / "metrics.jsonl", run.trainer.totals)
    run.trainer.add_callback(metrics)
    run.trainer.train()
    logged = [line for line in run.trainer.state.log_history if "loss" in line]
    found = lines(metrics.path)
    assert [line["step"] for line in found] == [2, 4]
    for line, theirs in zip(found, logged, strict=True):
        assert {key: line[key] for key in ("loss", "learning_rate", "grad_norm", "epoch")} == {
            key: theirs[key] for key in ("loss", "learning_rate", "grad_norm", "epoch")
        }
        assert line["tokens_per_second"] > 0
    whole = int(run.data.lengths.sum())  # 24 documents in steps of 8: an epoch is 3 steps
    order = [i for step in range(2) for i in run.order.plan(0).indices(step, 0, 0)]
    assert found[0]["tokens"] == sum(run.data.lengths[order])
    again = run.order.plan(1).indices(0, 0, 0)
    assert found[1]["tokens"] == whole + sum(run.data.lengths[again])


def test_without_a_terminal_a_plain_line_now_and_then(caplog):
    caplog.set_level(logging.INFO, logger="lmkit")
    teller = Teller(Spent(), quiet=False)
    teller.totals.seconds = 1000.0
    teller.on_train_begin(None, state(20), None)
    teller.totals.seconds = 1010.0  # five steps of two seconds
    teller.on_log(None, state(25), None, logs={"loss": 2.0, "tokens_per_second": 12345.6})
    teller.on_log(
        None, state(25), None, logs={"eval_loss": 1.25, "eval_perplexity": 3.5, "epoch": 1}
    )
    teller.on_log(None, state(25), None, logs={"train_runtime": 3.0})
    teller.on_step_end(None, state(25), None)
    teller.close()
    assert caplog.messages == [
        "step 25/100  loss 2.0000  12,346 tokens/s  2:30 left",
        "step 25/100  eval_loss 1.2500  eval_perplexity 3.5000",
    ]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def told_on_a_terminal(monkeypatch, *, quiet):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    teller = Teller(Spent(), quiet=quiet)
    teller.on_train_begin(None, state(0), None)
    teller.on_log(None, state(3), None, logs={"loss": 2.0, "tokens_per_second": 10.0})
    teller.on_step_end(None, state(4), None)
    teller.on_log(None, state(4), None, logs={"eval_loss": 1.25})
    teller.close()
    assert teller.bar is None
    teller.close()  # also twice
    return terminal.getvalue()


def test_on_a_terminal_a_bar(monkeypatch, caplog):
    caplog.set_level(logging.INFO, logger="lmkit")
    told = told_on_a_terminal(monkeypatch, quiet=False)
    for part in ("training", "4/100", "loss 2.0000", "10 tokens/s", "step 4/100  eval_loss 1.2500"):
        assert part in told
    assert caplog.messages == []


def test_quiet_is_quiet(monkeypatch, caplog):
    caplog.set_level(logging.INFO, logger="lmkit")
    assert told_on_a_terminal(monkeypatch, quiet=True) == ""
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (9.4, "0:09"), (59.6, "1:00"), (123, "2:03"), (3599.4, "59:59"),
     (3599.7, "1:00:00"), (3723, "1:02:03"), (360000, "100:00:00")],
)  # fmt: skip
def test_a_duration_as_a_clock_shows_it(seconds, text):
    assert clock(seconds) == text
