"""Signals: the first is remembered, its echo is not a second, a later one ends the process."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from lmkit.training import signals as module
from lmkit.training.signals import WATCHED, StopSignals


@pytest.mark.parametrize("number", WATCHED)
def test_the_first_is_remembered_and_handlers_come_back(number):
    before = {watched: signal.getsignal(watched) for watched in WATCHED}
    with StopSignals() as signals:
        assert signals.number == 0
        os.kill(os.getpid(), number)
        assert signals.number == number
    assert {watched: signal.getsignal(watched) for watched in WATCHED} == before


def test_handlers_come_back_after_an_error():
    before = signal.getsignal(signal.SIGTERM)
    with contextlib.suppress(OSError), StopSignals():
        assert signal.getsignal(signal.SIGTERM) != before
        raise OSError("disk")
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_echo_is_not_a_second_wish(monkeypatch):
    """A terminal and a launcher both send it; of two kinds the first counts."""
    now = [50.0]
    killed = []
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(module.os, "kill", lambda *wish: killed.append(wish))
    with StopSignals() as signals:
        signal.raise_signal(signal.SIGINT)
        now[0] += 1.9
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert killed == []
        assert signals.number == signal.SIGINT
        now[0] += 0.1
        signal.raise_signal(signal.SIGTERM)
        assert killed == [(os.getpid(), signal.SIGTERM)]


CODE = """
import time
from lmkit.training.signals import StopSignals
with StopSignals() as signals:
    print("ready", flush=True)
    while not signals.number:
        time.sleep(0.01)
    print("heard", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("first", "second"), [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGUSR1)]
)
def test_a_second_one_later_ends_the_process(first, second):
    process = subprocess.Popen([sys.executable, "-c", CODE], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(first)
        assert process.stdout.readline() == "heard\n"
        process.send_signal(second)  # an echo
        time.sleep(module.ECHO_SECONDS + 0.1)
        assert process.poll() is None
        process.send_signal(second)
        assert process.wait(timeout=10) == -second
    finally:
        process.kill()
        process.stdout.close()
