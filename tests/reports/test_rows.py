"""metrics.jsonl as series: good lines, damaged lines, and thinning that keeps every spike."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.reports.rows import Series, read_log, thin


def written(path: Path, *lines: object) -> Path:
    text = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"\n".join(text) + b"\n")
    return path


def test_training_and_evaluation_lines_become_series(tmp_path: Path) -> None:
    log = read_log(
        written(
            tmp_path / "metrics.jsonl",
            {"step": 1, "epoch": 0.1, "loss": 2.5, "grad_norm": None},
            {"step": 2, "epoch": 0.2, "loss": 2.0, "grad_norm": 0.5},
            {"step": 2, "eval_loss": 2.2, "eval_accuracy": 0.4, "eval_runtime": 3.0},
        )
    )
    assert set(log.training) == {"loss", "grad_norm"}
    assert log.training["loss"].values.tolist() == [2.5, 2.0]
    assert log.training["loss"].steps.tolist() == [1, 2]
    assert log.training["grad_norm"].unknown == 1
    assert {name: one.values.tolist() for name, one in log.evaluation.items()} == {
        "loss": [2.2],
        "accuracy": [0.4],
    }
    assert (log.lines, log.damaged, log.last_step) == (3, 0, 2)


def test_good_lines_are_used_and_damaged_ones_counted(tmp_path: Path) -> None:
    log = read_log(
        written(
            tmp_path / "metrics.jsonl",
            {"step": 9, "loss": 1.0},
            b"\xff\xfe",
            b'{"step": 3, "lo',
            {"loss": 3.0},
            [1, 2],
            {"step": "x", "loss": 1.0},
            b'{"step": NaN, "loss": 1}',
            b'{"step": 4, "loss": 1' + b"0" * 400 + b"}",
            b"[" * 100_000,
            b"",
            {"step": 4, "loss": "text", "note": "text", "flag": True},
            {"step": 4, "loss": 2.0},
        )
    )
    assert (log.lines, log.damaged) == (3, 8)
    assert log.training["loss"].steps.tolist() == [4, 9]  # in order, though they stood otherwise
    assert list(log.training) == ["loss"]


def test_no_file_is_an_empty_log(tmp_path: Path) -> None:
    log = read_log(tmp_path / "metrics.jsonl")
    assert (log.training, log.lines, log.last_step) == ({}, 0, None)


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=300),
    st.sampled_from([4, 8, 20]),
)
def test_thinning_keeps_ends_extremes_and_order(values: list[float], most: int) -> None:
    series = Series(np.arange(len(values), dtype=float), np.asarray(values))
    kept = thin(series, most)
    finite = [(step, value) for step, value in enumerate(values) if math.isfinite(value)]
    pairs = list(zip(kept.steps.tolist(), kept.values.tolist(), strict=True))
    assert len(pairs) <= most
    assert set(pairs) <= set(finite)
    assert pairs == sorted(pairs, key=lambda pair: pair[0])
    if finite:
        assert (pairs[0], pairs[-1]) == (finite[0], finite[-1])
        assert min(kept.values) == min(value for _, value in finite)
        assert max(kept.values) == max(value for _, value in finite)


def test_one_spike_among_a_hundred_thousand_stays() -> None:
    values = np.ones(100_000)
    values[54_321] = 50.0
    kept = thin(Series(np.arange(100_000.0), values), 1500)
    assert len(kept.values) <= 1500
    assert kept.values[kept.steps == 54_321] == pytest.approx([50.0])
