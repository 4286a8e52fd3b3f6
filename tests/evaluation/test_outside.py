"""Metrics of the evaluate library: their numbers, their intervals, and the time these take."""

import logging

import numpy as np
import pytest

from lmkit.evaluation import outside
from lmkit.evaluation.interval import middle
from lmkit.evaluation.outside import OutsideMetrics
from lmkit.evaluation.outside_code import MetricCode
from lmkit.evaluation.redrawn import REDRAWN, redrawn
from lmkit.recipe.outside_metrics import OutsideMetric

GAP = 'return {"gap": sum(abs(a - b) for a, b in zip(predictions, references)), "loss": 7}'


class Told(MetricCode):
    """A metric that needs no script."""

    def __init__(self, measure, name="told", **given) -> None:
        super().__init__(OutsideMetric(name=name, **given))
        self._measure = measure

    def numbers(self, predictions, references):
        return self._measure(predictions, references)


def of(*codes: MetricCode) -> OutsideMetrics:
    found = OutsideMetrics([code.metric for code in codes])
    found.codes = list(codes)
    return found


def accuracy(predictions, references):
    return {"accuracy": float(np.mean(np.equal(predictions, references)))}


def test_numbers_of_a_folder_beside_lmkit_s_own(metric) -> None:
    found = OutsideMetrics([metric("gap", GAP)]).numbers([0, 2, 1], [0, 0, 0], {"loss": 0.5})
    assert found == {"gap": 3.0, "gap_loss": 7.0}


def test_no_number_takes_another_s_name() -> None:
    ways = [Told(accuracy, arguments={"average": way}) for way in ("macro", "micro", "none")]
    found = of(*ways).numbers([1], [1], {"accuracy"})
    assert list(found) == ["told_macro_accuracy", "told_micro_accuracy", "told_none_accuracy"]
    same = of(*(Told(accuracy, arguments={"weights": [number]}) for number in range(2)))
    assert list(same.numbers([1], [1], ())) == ["accuracy", "told_accuracy"]


def test_a_metric_that_fails_at_the_end_is_left_out(metric, caplog) -> None:
    found = OutsideMetrics([metric("odd", "return {'x': 1 / references[0]}")])
    with caplog.at_level(logging.WARNING):
        assert found.numbers([1], [0], {}) == {}
    assert "fails on this data: ZeroDivisionError" in caplog.text
    assert "it is left out" in caplog.text
    assert found.units([1, 1], [0, 0], {}) == {}


def test_the_draws_are_those_of_lmkit_s_own_metrics() -> None:
    """So that two runs can be paired, and the interval is that of the bootstrap."""
    random = np.random.default_rng(1)
    gold, told = random.integers(0, 2, (2, 60))
    found = of(Told(accuracy)).units(told.tolist(), gold.tolist(), ())
    own = redrawn(lambda rows: accuracy(told[rows], gold[rows]), 60)
    assert found["accuracy"].tolist() == own["accuracy"].tolist()
    low, high = middle(found["accuracy"][1:])
    share = found["accuracy"][0]
    half = 1.96 * np.sqrt(share * (1 - share) / 60)
    assert (low, high) == pytest.approx((share - half, share + half), abs=0.03)


def test_what_has_an_id_keeps_one_of_its_own() -> None:
    def unlike(predictions, references):
        assert [one["id"] for one in predictions] == [one["id"] for one in references]
        return {"x": float(len({one["id"] for one in predictions}))}

    answers = [{"id": str(place), "text": "a"} for place in range(5)]
    found = of(Told(unlike)).units(answers, answers, ())
    assert set(found["x"]) == {5.0}


def test_the_time_bounds_the_draws(monkeypatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(outside.time, "perf_counter", lambda: clock[0])

    def taking(seconds):
        def measure(predictions, references):
            clock[0] += seconds
            return {"x": float(np.mean(predictions))}

        return of(Told(measure))

    quick, some, slow = taking(0.001), taking(0.05), taking(1.0)
    rows = [1, 2, 3]
    assert quick.units(rows, rows, ())["x"].shape == (1 + REDRAWN,)
    assert "(interval by 1,000 resamples)" in quick.definition()
    assert len(some.units(rows, rows, ())["x"]) == pytest.approx(200, abs=3)
    clock[0] = 0.0
    assert slow.units(rows, rows, ()) == {}
    assert clock[0] == 2.0  # the whole, and one draw
    assert "no interval: 100 resamples would take more than 10 s, at 1 s each" in slow.definition()


def test_draws_on_which_it_fails_are_told() -> None:
    def fails(share):
        def measure(predictions, references):
            if np.mean(predictions) > share:
                raise ValueError("too many")
            return {"x": float(np.mean(predictions))}

        class Failing(Told):
            def measured(self, predictions, references):
                with self._told("fails"):
                    return self.numbers(predictions, references)

        return of(Failing(measure))

    rows = [0, 1] * 20
    some, most = fails(0.6), fails(0.3)
    found = some.units(rows, rows, ())["x"]
    assert np.isnan(found).sum() == (
        redrawn(lambda drawn: {"x": np.mean(np.asarray(rows)[drawn]) > 0.6}, 40)["x"].sum()
    )
    assert "of which it fails on" in some.definition()
    assert most.units(rows, rows, ()) == {}  # on the whole, too


def test_one_answer_has_no_interval() -> None:
    alone = of(Told(accuracy))
    assert alone.units([1], [1], ()) == {}
    assert alone.definition() == " Others by the code of told (no interval)."
    assert OutsideMetrics([]).definition() == ""
