"""Windows joined to questions: by hand, and whatever the order and number of windows."""

import math
import random

import pytest

from lmkit.evaluation.question_scores import QuestionScores, judged, tried_in_squad
from lmkit.evaluation.span_search import WindowAnswers

ROWS = {
    # question 0: two windows, the second knows better; 1: no answer; 2: wrong
    "question": [0, 0, 1, 2],
    "nll": [4.0, 2.0, 1.0, 3.0],
    "count": [2, 2, 2, 2],
    "null": [5.0, -3.0, 4.0, 0.0],
    "best": [1.0, 3.0, 1.0, 2.0],
    "exact_match": [0.0, 1.0, 0.0, 0.0],
    "f1": [0.0, 1.0, 0.0, 0.5],
    "unanswerable": [False, False, True, False],
    "validation": [False] * 4,
}


def scores(rows=ROWS, **options):
    return QuestionScores(rows, **{"may_be_none": True, "threshold": None} | options)


def test_by_hand():
    found = scores().metrics()  # gaps: -6, 3, -2; without validation the threshold is 0
    assert found == {
        "loss": 10 / 8, "exact_match": pytest.approx(2 / 3), "f1": pytest.approx(2.5 / 3),
        "no_answer_accuracy": 1.0, "has_answer_exact_match": 0.5, "has_answer_f1": 0.75,
        "no_answer_threshold": 0.0,
    }  # fmt: skip


def test_without_no_answer_every_question_is_answered():
    found = scores(may_be_none=False).metrics()
    assert (found["f1"], found["no_answer_accuracy"]) == (0.5, 0.0)
    assert "no_answer_threshold" not in found


def test_on_validation_data_the_best_threshold_is_chosen_and_elsewhere_a_given_one_is_used():
    tuned = scores(ROWS | {"validation": [True] * 4})
    assert tuned.threshold == 0.5  # between -2 and 3
    assert scores(threshold=-4.0).metrics()["f1"] == pytest.approx(2 / 3)


def test_the_order_of_windows_and_one_without_a_word_change_nothing():
    rows = [dict(zip(ROWS, values, strict=True)) for values in zip(*ROWS.values(), strict=True)]
    rows.append(rows[0] | {"best": float("-inf"), "nll": 0.0, "count": 0, "f1": 1.0})
    random.Random(1).shuffle(rows)
    assert scores({name: [row[name] for row in rows] for name in ROWS}).metrics() == pytest.approx(
        scores().metrics()
    )


def test_intervals_hold_the_metrics():
    many = {name: values * 50 for name, values in ROWS.items()}
    many["question"] = [n // 4 * 3 + q for n, q in enumerate(many["question"])]
    found = scores(many)
    metrics, intervals = found.metrics(), found.intervals(0)
    assert set(intervals) == set(metrics) - {"no_answer_threshold"}
    for name, (low, high) in intervals.items():
        assert low <= metrics[name] <= high
        assert high - low < 0.3


def test_a_window_is_judged_by_its_best_span():
    window = WindowAnswers(4, 1.5, [(2.0, 4, 7), (1.0, 0, 3)])
    assert judged(window, "Ann Bob", [(4, "Bob")]) == {
        "question": 4, "null": 1.5, "best": 2.0, "exact_match": 1.0, "f1": 1.0,
        "unanswerable": False, "start": 4, "end": 7,
    }  # fmt: skip
    empty = judged(WindowAnswers(4, 1.5, []), "Ann Bob", [])
    assert (empty["best"], empty["unanswerable"]) == (float("-inf"), True)


def test_answers_as_squad_s_scripts_take_them():
    windows = [WindowAnswers(7, 1.0, [(2.0, 0, 3)]), WindowAnswers(8, 3.0, [(0.0, 4, 7)])]
    rows = {"nll": [0.0, 0.0], "count": [2, 2], "validation": [False, False]}
    for window, right in zip(windows, ([(0, "Ann")], []), strict=True):
        for name, value in judged(window, "Ann Bob", right, texts=True).items():
            rows.setdefault(name, []).append(value)
    told, right = scores(rows).in_squad(rows)
    assert [one["prediction_text"] for one in told] == ["Ann", ""]
    shares = [1 / (1 + math.exp(1)), 1 / (1 + math.exp(-3))]  # of no answer beside the span
    assert [one["no_answer_probability"] for one in told] == pytest.approx(shares)
    assert [one["answers"] for one in right] == [
        {"text": ["Ann"], "answer_start": [0]}, {"text": [], "answer_start": []},
    ]  # fmt: skip
    assert [one["id"] for one in told] == [one["id"] for one in right] == ["0", "1"]
    tried = tried_in_squad(may_be_none=True)
    assert [one.keys() for one in tried[0]] == [one.keys() for one in told]
    assert len(tried_in_squad(may_be_none=False)[1]) == 1
