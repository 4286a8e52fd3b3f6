"""Every problem keeps the same contract."""

import math

import numpy as np
import pytest
import torch

from lmkit.evaluation.multi_label import MultiLabel
from lmkit.evaluation.problem import Problem
from lmkit.evaluation.regression import Regression
from lmkit.evaluation.single_label import SingleLabel
from lmkit.labels import IGNORED

NAMES = ["a", "b", "c"]


def gold_of(kind, random, count):
    if kind == "single":
        return [int(label) for label in random.integers(0, 3, count)]
    if kind == "multi":
        return list((random.random((count, 3)) < 0.4).astype(np.float32))
    return [float(value) for value in random.normal(size=count)]


CASES = {"single": SingleLabel(NAMES), "multi": MultiLabel(NAMES), "regression": Regression("mark")}
FILLERS = {"single": IGNORED, "multi": np.full(3, IGNORED, np.float32), "regression": IGNORED}


@pytest.fixture(params=CASES)
def case(request):
    """A problem, the logits (80, L) of a model that knows a little, and the labels."""
    problem: Problem = CASES[request.param]
    random = np.random.default_rng(0)
    gold = gold_of(request.param, random, 80)
    labels = problem.stack(gold)
    wide = torch.from_numpy(random.normal(size=(80, len(problem.names))))
    if request.param == "single":
        wide += 2 * torch.eye(3)[labels]
    else:
        wide += labels.reshape(80, -1)
    return request.param, problem, wide, gold


def test_fillers_are_not_counted(case):
    kind, problem, _, gold = case
    labels = problem.stack([gold[0], FILLERS[kind], gold[1], FILLERS[kind]])
    assert problem.counted(labels).tolist() == [True, False, True, False]
    assert problem.items(labels) == (6 if kind == "multi" else 2)


def test_a_number_may_be_what_fillers_are_elsewhere():
    labels = Regression("mark").stack([float(IGNORED), IGNORED])
    assert Regression("mark").counted(labels).tolist() == [True, False]


def test_intervals_hold_the_metrics(case):
    _, problem, logits, gold = case
    rows = problem.reduce(logits, problem.stack(gold))
    metrics, intervals = problem.metrics(rows), problem.intervals(rows, 1)
    assert set(intervals) == set(metrics)
    for name, (low, high) in intervals.items():
        assert low < metrics[name] < high, name
        assert high - low < 1.2, name
    assert intervals == problem.intervals(rows, 1)


def test_metrics_do_not_depend_on_the_batches(case):
    _, problem, logits, gold = case
    whole = problem.reduce(logits, problem.stack(gold))
    parts = [problem.reduce(logits[at : at + 7], problem.stack(gold[at : at + 7]))
             for at in range(0, 80, 7)]  # fmt: skip
    joined = {key: [value for part in parts for value in part[key]] for key in whole}
    assert problem.metrics(joined) == problem.metrics(whole)


def test_what_is_kept_of_a_row_is_small(case):
    _, problem, logits, gold = case
    for values in problem.reduce(logits, problem.stack(gold)).values():
        assert len(values) == 80
        assert np.size(values[0]) <= len(problem.names)


def test_baselines_speak_in_logits(case):
    _, problem, logits, gold = case
    name, constant = problem.constant(np.asarray(gold), 5)
    assert constant.shape == (5, logits.shape[1])
    assert (constant == constant[0]).all()
    features = np.eye(80)
    other, linear = problem.linear(features, np.asarray(gold), features)
    assert linear.shape == logits.shape
    assert name != other
    learned = problem.metrics(problem.reduce(torch.from_numpy(linear), problem.stack(gold)))
    same = np.repeat(constant[:1], 80, axis=0)
    plain = problem.metrics(problem.reduce(torch.from_numpy(same), problem.stack(gold)))
    assert learned["loss"] < plain["loss"]
    assert math.isfinite(plain["loss"])


def test_definitions_name_every_metric_that_is_no_common_word(case):
    kind, problem, logits, gold = case
    told = problem.definition()
    found = problem.metrics(problem.reduce(logits, problem.stack(gold)))
    for name in set(found) - {"accuracy"}:
        assert name in told, (kind, name)
