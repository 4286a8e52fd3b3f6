"""Totals: seconds of training alone, and counts that a resume carries on."""

import contextlib
import subprocess
import sys

import pytest

from lmkit.training import totals as module
from lmkit.training.totals import Totals


class Clock:
    """A clock that goes when it is told to."""

    now = 1000.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def test_only_training_is_counted(clock):
    totals = Totals()
    clock.now += 5
    assert totals.elapsed() == 0
    totals.start()
    clock.now += 3
    assert totals.elapsed() == 3
    with totals.paused():
        clock.now += 100
        assert totals.elapsed() == 3
    clock.now += 2
    totals.stop()
    clock.now += 50
    totals.stop()
    assert totals.elapsed() == totals.seconds == 5


def test_a_pause_ends_also_with_an_error_and_starts_nothing(clock):
    totals = Totals()
    with totals.paused():
        clock.now += 7
    clock.now += 7
    assert totals.elapsed() == 0  # it was not running before
    totals.start()
    with contextlib.suppress(OSError), totals.paused():
        clock.now += 7
        raise OSError("disk")
    clock.now += 2
    assert totals.elapsed() == 2


def test_a_pause_within_a_pause(clock):
    totals = Totals()
    totals.start()
    with totals.paused():
        with totals.paused():
            clock.now += 3
        clock.now += 3
    clock.now += 1
    assert totals.elapsed() == 1


def test_a_resume_carries_on(clock):
    first = Totals()
    first.start()
    for tokens in (10, 20):
        clock.now += 1
        first.add_step(tokens)
    first.loss_sum = 0.1 + 0.2
    met = {"step": 1, "kind": "plateau", "action": "warn"}
    first.incidents.add(met)
    kept = first.state(kwh=0.5)
    assert kept.pop("meter")["energy_kwh"] == 0.5
    assert kept == {
        "tokens": 30, "steps": 2, "loss_sum": 0.1 + 0.2, "seconds": 2, "incidents": [met],
    }  # fmt: skip
    second = Totals()
    second.restore(kept | {"meter": {"wall_seconds": 100.0, "energy_kwh": 0.5}})
    second.start()
    clock.now += 4
    second.add_step(5)
    second.add_step(7)
    second.drop_step(7)  # one that could not be made
    state = second.state(kwh=0.25)
    meter = state.pop("meter")
    assert meter["energy_kwh"] == 0.75
    assert meter["wall_seconds"] > 100
    assert state == {
        "tokens": 35, "steps": 3, "loss_sum": 0.1 + 0.2, "seconds": 6, "incidents": [met],
    }  # fmt: skip


CODE = """
import resource, subprocess, sys
import torch
from lmkit.training.totals import peak_memory_mb
if sys.argv[1:] == ["child"]:
    print(peak_memory_mb())
    sys.exit()
before = peak_memory_mb()
block = b"x" * 900_000_000
during = peak_memory_mb()
child = subprocess.run([sys.executable, "-c", sys.argv[1], "child"], stdout=subprocess.PIPE)
del block
usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(before, during, peak_memory_mb(), usage, float(child.stdout))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="of its unit elsewhere only getrusage tells")
def test_the_peak_is_of_this_process_alone_and_stays():
    ended = subprocess.run(
        [sys.executable, "-c", CODE, CODE], capture_output=True, text=True, check=True
    )
    before, during, after, usage, child = map(float, ended.stdout.split())
    assert during > 900  # MB are 10^6 bytes
    assert during - before > 300  # importing torch has a peak of its own
    assert after == pytest.approx(during, rel=0.01)
    assert usage * 1024 / 1e6 > 0.99 * during  # that of a parent may come on top
    assert child < 900  # what its parent held is not its own
