"""When fewer bits serve, and which answers are given again."""

import math

import pytest

from lmkit.commands.narrow import CAUTION, change, has_one_label, margin, try_narrow


def answer(*logits):
    total = math.fsum(map(math.exp, logits))
    scores = {name: math.exp(logit) / total for name, logit in zip("abc", logits, strict=False)}
    return {"label": max(scores, key=scores.get), "scores": scores}


def test_the_margin_is_that_of_the_logits():
    assert margin(answer(1.0, -2.0, 0.25)) == pytest.approx(0.75)


def test_the_change_is_that_of_labels_with_prospects():
    exact, narrow = answer(1.0, 0.0, -20.0), answer(1.01, -0.02, -25.0)
    assert change(exact, narrow) == pytest.approx(0.03)
    assert change(exact, exact) == 0


def test_a_near_tie_is_answered_again():
    def tried(chosen, precision):
        moved = 0.0 if precision == "float32" else 0.01
        return [answer(number % 10 / 10 + moved, 0.0) for number in chosen]

    found = try_narrow("bfloat16", 1000, tried)
    assert found is not None
    assert found.bound == pytest.approx(CAUTION * 0.01)
    assert found.close_calls([answer(1.0, 0.97), answer(0.0, 1.0), answer(0.0, 0.0)]) == [0, 2]


@pytest.mark.parametrize(
    "answers",
    [
        [{"vector": [1.0]}] * 128,
        [{"label": "a", "scores": {"a": 0.9, "b": 0.8}}] * 128,  # each asked for alone
        [{"label": "a", "scores": {"a": 1.0}}] * 128,
    ],
)
def test_only_a_label_of_scores_that_share_a_probability_is_known_to_stay(answers):
    assert not has_one_label(answers[0])
    assert try_narrow("bfloat16", 128, lambda *_: answers) is None


def test_many_near_ties_leave_float32(caplog):
    caplog.set_level("INFO", logger="lmkit")

    def tried(chosen, precision):
        return [answer(0.0, 0.0 if precision == "float32" else 0.01) for _ in chosen]

    assert try_narrow("bfloat16", 600, tried) is None
    assert "precision float32: in bfloat16 100 % of the rows would be near ties" in caplog.text
