"""The numbers of a task and those of the evaluate library, together."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from lmkit.evaluation.outside_code import MetricCode
from lmkit.recipe.outside_metrics import OutsideMetric
from lmkit.tasks.base.measured import Measured


class Numbers(Measured):
    """Rows of classes."""

    def __init__(self, *metrics):
        self.options = type("Options", (), {"outside_metrics": metrics})

    def metrics(self, rows):
        return {"loss": float(np.mean(rows["nll"])), "f1": 0.5}

    def definition(self):
        return "loss: nats."

    def answers_of(self, rows):
        return rows["predicted"], rows["gold"]

    def tried(self):
        return [0, 1], [0, 1]


@pytest.fixture
def rows():
    gold, told = np.random.default_rng(0).integers(0, 2, (2, 50)).tolist()
    return {"nll": [1.0] * 50, "count": [1] * 50, "predicted": told, "gold": gold}


@pytest.fixture
def with_f1(monkeypatch):
    def numbers(self, predictions, references):
        assert self.metric.arguments == {"average": "macro"}
        told, right = np.asarray(predictions), np.asarray(references)
        return {"f1": float(np.mean([_f1(told == kind, right == kind) for kind in (0, 1)]))}

    monkeypatch.setattr(MetricCode, "numbers", numbers)
    return Numbers(OutsideMetric(name="f1", arguments={"average": "macro"}))


def _f1(told, right):
    return 2 * (told & right).sum() / (told.sum() + right.sum())


def test_all_numbers_have_their_interval_and_units(with_f1, rows):
    found = with_f1.measures(rows, 0, kept=True)
    macro = f1_score(rows["gold"], rows["predicted"], average="macro")
    assert found.metrics == {"loss": 1.0, "f1": 0.5, "f1_macro_f1": pytest.approx(macro)}
    assert found.metrics == with_f1.measure(rows)
    low, high = found.intervals["f1_macro_f1"]
    assert low < macro < high
    assert {"loss", "accuracy", "f1_macro_f1"} <= found.units.keys()
    assert "f1 (average=macro) (interval by 1,000 resamples)" in with_f1.meaning()


def test_without_others_it_has_its_own(rows):
    alone = Numbers()
    found = alone.measures(rows, 0, kept=False)
    assert found.metrics == {"loss": 1.0, "f1": 0.5}
    assert (found.units, alone.meaning()) == ({}, "loss: nats.")
    alone.prove_metrics()
