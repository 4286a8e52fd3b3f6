"""Verdicts over made series: each kind is seen, and healthy runs of many shapes are left alone."""

import math

import numpy as np
import pytest

from lmkit.training.divergence import DIVERGENCES, alarms, is_new, overfitting, plateau

STEPS = 1000
LINES = 100


def history(losses, norms=None, rates=None, evaluations=None):
    """Lines as a run logs them: a hundred of training, some of evaluation among them."""
    every = STEPS // LINES
    norms = np.ones(len(losses)) if norms is None else norms
    rates = np.linspace(1, 0, LINES)[: len(losses)] if rates is None else rates
    found = []
    for place, loss in enumerate(losses):
        step = (place + 1) * every
        found.append(
            {"step": step, "loss": loss, "grad_norm": norms[place], "learning_rate": rates[place]}
        )
        if evaluations is not None and (place + 1) % 10 == 0:
            found.append({"step": step, "eval_loss": evaluations[place // 10]})
    return found


def kinds(lines):
    """All kinds that are told in the course of a run, with the step at which each is first."""
    told = {}
    for count in range(1, len(lines) + 1):
        for alarm in alarms(lines[:count], STEPS):
            told.setdefault(alarm.kind, (lines[count - 1]["step"], alarm.since))
    return told


def falling(noise, seed=0, start=10.5, end=3.0, scale=12):
    """A pretraining curve."""
    random = np.random.default_rng(seed)
    x = np.arange(LINES)
    return end + (start - end) * np.exp(-x / scale) + random.normal(0, noise, LINES)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("noise", [0.0, 0.02, 0.2])
def test_pretraining_that_goes_well_is_left_alone(seed, noise):
    random = np.random.default_rng(seed)
    norms = np.exp(random.normal(0, 0.4, LINES)) + 3 * np.exp(-np.arange(LINES) / 5)
    scores = falling(0)[9::10] + 0.1
    assert not kinds(history(falling(noise, seed), norms, evaluations=scores))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("rows", [1, 8, 32])
def test_fine_tuning_in_noisy_steps_is_left_alone(seed, rows):
    """The mean of heavy-tailed losses of a few rows, which end near zero; norms over decades."""
    random = np.random.default_rng(seed)
    level = 0.02 + 0.68 * np.exp(-np.arange(LINES) / 15)
    losses = (random.gamma(0.5, 2.0, (LINES, rows)).mean(1)) * level
    norms = np.exp(random.normal(0, 1.0, LINES)) * level
    assert not kinds(history(losses, norms, evaluations=level[9::10]))


def test_the_two_levels_of_masked_models_are_no_divergence():
    """They stand at the entropy of single words for a while, then fall on."""
    x = np.arange(LINES)
    losses = 7.0 + 3.4 * np.exp(-x / 3) - 3.0 / (1 + np.exp(-(x - 45) / 5))
    found = kinds(history(losses + np.random.default_rng(0).normal(0, 0.01, LINES)))
    assert not set(found) & set(DIVERGENCES)


@pytest.mark.parametrize("height", [4.0, 8.0, 100.0])
def test_a_spike(height):
    losses = falling(0.02)
    losses[60:64] += height
    found = kinds(history(losses))
    assert found["loss_spike"] == (620, 600)
    assert set(found) == {"loss_spike"}


def test_one_odd_line_is_no_spike():
    losses = falling(0.02)
    losses[60] += 50
    assert not kinds(history(losses))


def test_a_slow_rise():
    losses = falling(0.05)
    losses[50:] += np.linspace(0, 8, 50)
    found = kinds(history(losses))
    assert set(found) == {"loss_rise"}
    told, since = found["loss_rise"]
    assert 500 < told < 900
    assert since < told


def test_an_exploding_gradient():
    norms = np.full(LINES, 0.5)
    norms[:5] = 4
    norms[70:] = 60
    assert kinds(history(falling(0.02), norms)) == {"exploding_gradient": (720, 700)}
    norms[71:] = 0.5
    assert not kinds(history(falling(0.02), norms))


def test_a_dead_gradient():
    losses = np.full(LINES, 5.0)
    losses[:40] = np.linspace(10, 5, 40)
    norms = np.full(LINES, 1.0)
    norms[40:] = 0.0
    assert kinds(history(losses, norms, np.zeros(LINES)))["dead_gradient"][0] == 450
    solved = np.maximum(losses - 5, 0.0)  # nothing is left to learn
    assert "dead_gradient" not in kinds(history(solved, norms))


def test_a_plateau():
    losses = np.full(LINES, 10.8) + np.random.default_rng(0).normal(0, 0.01, LINES)
    assert set(kinds(history(losses, rates=np.ones(LINES)))) == {"plateau"}
    assert not plateau(falling(0.01)[:60], [1.0] * 60)
    assert not plateau(losses, [1.0] * 70 + [0.1] * 30)  # the schedule is at its end


def test_overfitting():
    training = falling(0.02, end=1.0, scale=40)
    scores = [5.0, 4.0, 3.5, 3.3, 3.4, 3.6, 3.8, 4.0, 4.2, 4.4]
    found = kinds(history(training, evaluations=scores))
    assert found == {"overfitting": (700, 400)}
    steps = [(step, 3.0) for step in range(10, 1001, 10)]
    curve = [(100 * (i + 1), loss) for i, loss in enumerate(scores)]
    assert not overfitting(steps, curve)  # training does not fall either: that is no overfitting


def test_what_is_no_number_is_passed_over():
    losses = falling(0.02)
    losses[[3, 30, 99]] = math.nan
    norms = np.ones(LINES)
    norms[[3, 30, 99]] = math.inf
    assert not kinds(history(losses, norms))
    assert alarms([{"step": 1, "loss": math.nan}], STEPS) == []
    assert alarms([], STEPS) == []


def test_a_verdict_costs_the_same_in_a_long_run():
    """It is the same whatever lies between the first lines and the last 200."""
    long = history(np.concatenate([falling(0.02), np.full(3000, 3.0), np.full(2, 30.0)]), *[
        np.ones(3102)
    ] * 2)  # fmt: skip
    odd = [line | {"loss": 1e9} if 300 < place < 2500 else line for place, line in enumerate(long)]
    assert [one.kind for one in alarms(long, 31020)] == ["loss_spike"]
    assert alarms(odd, 31020) == alarms(long, 31020)


def test_a_kind_is_told_once_in_a_fifth_of_the_run():
    told = [{"kind": "plateau", "action": "warn", "step": step} for step in (100, 400)]
    told.append({"kind": "loss_spike", "action": "rollback", "step": 405})
    assert is_new("loss_spike", 410, told, STEPS)
    assert not is_new("plateau", 599, told, STEPS)
    assert is_new("plateau", 600, told, STEPS)
