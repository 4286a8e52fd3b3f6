"""The figures of a run: which, their points, and their words."""

import numpy as np

from lmkit.reports.plots import POINTS, curves, lines, overlaid
from lmkit.reports.rows import Log, Series


def series(*values: float) -> Series:
    return Series(np.arange(1.0, len(values) + 1), np.asarray(values))


def test_each_number_of_the_log_has_its_figure() -> None:
    log = Log(
        training={
            "tokens": series(1, 2), "loss": series(3, 2), "learning_rate": series(0.1, 0.2),
            "grad_norm": series(1, 1), "tokens_per_second": series(9, 9),
            "skipped_steps": series(0, 0), "mfu": series(0.3, 0.4),
        },
        evaluation={"loss": Series(np.asarray([2.0]), np.asarray([2.5])), "accuracy": series(0.5)},
    )  # fmt: skip
    found = curves(log)
    assert [one.title for one in found] == [
        "Loss", "Learning rate", "Gradient norm", "Tokens per second", "Mfu", "Validation: accuracy"
    ]  # fmt: skip
    assert found[0].drawn() == {
        "title": "Loss", "axis": "step", "names": ["training", "validation"], "log": False,
        "data": [[1.0, 2.0], [3.0, 2.0], [None, 2.5]],
    }  # fmt: skip
    assert found[0].text == (
        "training: 3 at step 1 to 2 at step 2; lowest 2 at step 2, highest 3 at step 1. "
        "validation: 2.5000 at step 2."
    )
    assert found[0].table() == [[1.0, 3.0, None], [2.0, 2.0, 2.5]]


def test_an_empty_log_has_no_figure() -> None:
    assert curves(Log()) == []
    assert curves(Log(training={"loss": series(np.nan)})) == []


def test_many_points_are_thinned_and_it_is_said() -> None:
    values = np.linspace(2, 1, 10 * POINTS)
    figure = curves(Log(training={"loss": series(*values)}))[0]
    assert len(figure.drawn()["data"][0]) <= POINTS
    assert "Drawn are 1,500 of 15,000 points: the lowest and the highest of each" in figure.text
    assert len(figure.table()) == 10


def test_what_is_not_finite_is_counted() -> None:
    figure = curves(Log(training={"loss": series(2, np.nan, 1)}))[0]
    assert figure.text.endswith("1 values were not finite and are left out.")
    assert figure.drawn()["data"] == [[1.0, 3.0], [2.0, 1.0]]


def test_a_spike_makes_the_scale_logarithmic() -> None:
    steep = curves(Log(training={"grad_norm": series(1, 1, 1, 1000)}))[0]
    assert steep.drawn()["log"]
    assert "logarithmic" in steep.text
    assert not curves(Log(training={"grad_norm": series(-1, 1, 1, 1000)}))[0].drawn()["log"]


def test_a_table_of_numbers_is_a_figure() -> None:
    figure = lines("Reliability", ["confidence", "accuracy"], [[0.9, 0.8], [0.1, None], ["x", 1]])
    assert figure is not None
    assert figure.drawn()["data"] == [[0.9], [0.8]]
    assert figure.axis == "confidence"
    assert lines("Words", ["word", "rows"], [["the", 3]]) is None
    assert lines("Nothing", [], []) is None


def test_runs_lie_over_one_another() -> None:
    long = series(*np.linspace(2, 1, 2 * POINTS))
    found = overlaid(
        {
            "a": Log(training={"loss": long}, evaluation={"loss": series(3, 2)}),
            "b": Log(training={"loss": series(5, 4), "grad_norm": series(1)}),
            "c": Log(evaluation={"accuracy": series(0.5)}),
        }
    )
    assert [(one.title, list(one.series)) for one in found] == [
        ("Training loss", ["a", "b"]),
        ("Gradient norm", ["b"]),
        ("Validation loss", ["a"]),
        ("Validation: accuracy", ["c"]),
    ]
    assert len(found[0].series["a"].values) <= POINTS // 3
    assert "Drawn are 500 of 3,000 points" in found[0].text
