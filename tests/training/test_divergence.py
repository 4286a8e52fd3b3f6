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


# Recorded: the first 150 steps of `lmkit pretrain gpt2-stdlib` (8 x 256 tokens a step, Muon, 50
# steps of warm-up, then down by a cosine), each step logged.
LOSSES = """
8.34 8.34 8.35 8.32 8.30 8.24 8.19 8.11 7.99 7.88 7.82 7.73 7.53 7.35 7.27 7.10 7.03 6.86 6.86
6.69 6.58 6.76 6.83 6.71 6.70 6.55 6.56 6.77 6.68 6.58 6.51 6.76 6.57 6.22 6.54 6.18 6.41 6.24
6.61 6.07 6.16 5.82 6.37 5.81 5.82 6.22 5.98 5.79 6.11 5.57 6.23 5.99 5.90 5.79 5.77 5.64 5.77
5.49 5.77 5.82 5.64 5.44 5.52 5.56 5.66 5.85 5.56 5.50 5.43 5.52 5.69 5.28 5.40 5.15 5.23 5.21
5.55 5.12 5.43 5.70 5.75 5.70 5.25 5.57 5.31 5.62 5.23 5.42 5.26 5.37 5.33 5.10 5.18 4.99 5.15
5.36 5.14 5.45 5.23 5.13 5.52 5.25 5.61 5.36 5.23 5.23 5.10 4.94 5.31 5.11 5.26 4.64 5.49 5.63
4.83 5.24 4.91 5.16 5.06 5.07 5.02 5.21 5.40 5.38 5.12 5.08 5.19 5.04 5.34 5.06 5.07 5.00 5.08
5.22 5.14 5.34 4.70 5.22 5.13 4.80 5.19 5.03 4.76 4.82 4.86 4.86 4.87 5.32 4.90 5.16
"""
NORMS = """
1.9 2.1 2.3 2.1 2.1 2.3 2.4 2.5 2.2 2.2 1.9 1.8 1.6 1.6 1.5 1.2 1.8 1.5 1.2 1.1 0.97 0.98 1.3
1 1.4 1.3 1.7 1.6 1.5 1.6 2 1.6 5.1 2.8 2.2 2.4 1.7 1.7 1.8 3.2 1.7 1.4 1.5 2.2 1.6 1.8 1.4
1.6 1.5 2.1 1.4 1.4 1.1 1.9 1.1 1.3 1.5 1.5 1 1.4 1.1 1.4 1.2 1.2 1.1 1.2 1.1 1.2 1.2 1.1 1.1
0.93 1.3 1.1 1.1 1 1.4 1 1.2 1.1 1.3 1 1.1 0.96 0.89 1 0.94 0.95 0.95 0.96 1.1 0.95 1.1 1.8 1
1 1.1 0.98 0.92 0.85 0.89 0.9 1 0.88 0.94 0.93 1.2 0.99 0.95 0.99 1.1 0.9 1 1.2 1.2 0.86 1 1
1.2 0.97 0.93 0.78 0.88 0.94 1 1.2 0.97 0.96 1.1 0.94 0.89 0.91 1.1 0.86 0.88 0.88 1.2 0.93 1
0.87 0.89 1.1 0.89 0.81 0.82 0.91 0.83 0.91 0.97 0.75
"""


@pytest.mark.parametrize("every", [1, 2, 5])
def test_a_recorded_run_is_left_alone(every):
    losses, norms = (np.array(text.split(), float) for text in (LOSSES, NORMS))
    rates = np.interp(np.arange(150), [0, 50, 100, 150], [0, 1, 0.5, 0])
    lines = [
        {
            "step": stop,
            "loss": losses[stop - every : stop].mean(),
            "grad_norm": norms[stop - 1],
            "learning_rate": rates[stop - 1],
        }
        for stop in range(every, 151, every)
    ]
    for count in range(1, len(lines) + 1):
        assert alarms(lines[:count], 150) == []
