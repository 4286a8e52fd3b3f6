"""The model against the best baseline."""

import math

import pytest

from lmkit.evaluation.verdict import verdict

BASELINES = {
    "majority": {"loss": 1.2, "macro_f1": 0.2},
    "tfidf_logistic": {"loss": 1.0, "macro_f1": 0.6},
    "zlib": {"bits_per_byte": 2.0},
}


def found(value, interval=None, baselines=BASELINES):
    intervals = {} if interval is None else {"macro_f1": interval}
    return verdict("macro_f1", True, {"macro_f1": value}, intervals, baselines)


def test_a_model_that_beats_the_best():
    told = found(0.74, (0.71, 0.77))
    assert (told.baseline, told.margin) == ("tfidf_logistic", pytest.approx(0.14))
    assert told.line() == ("beats the best baseline (tfidf_logistic: macro_f1 0.6000) by 0.1400")
    assert told.as_json()["beats"] is True
    assert told.as_json()["text"] == told.line()


def test_a_margin_within_the_interval_is_told():
    assert found(0.62, (0.58, 0.66)).line().endswith("by 0.0200, within the 95 % interval")


def test_a_model_that_does_not():
    told = found(0.5, (0.45, 0.55))
    assert told.line() == (
        "does not beat the best baseline (tfidf_logistic: macro_f1 0.6000): it is behind by 0.1000"
    )
    assert told.as_json()["beats"] is False
    assert found(0.6).line().endswith(": it is equal")


def test_less_may_be_better():
    told = verdict("loss", False, {"loss": 0.9}, {}, BASELINES)
    assert (told.baseline, told.margin) == ("tfidf_logistic", pytest.approx(0.1))


def test_without_such_a_number_there_is_none():
    assert found(0.5, baselines={"zlib": {"bits_per_byte": 2.0}}) is None
    assert found(math.nan) is None
    assert found(0.5, baselines={"mean": {"macro_f1": math.nan}}) is None
