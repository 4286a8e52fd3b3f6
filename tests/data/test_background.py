"""Work in the background: taken once, waited for, its errors told where it is taken."""

import os
import threading
from contextvars import ContextVar

import pytest

from lmkit.data.background import Background
from lmkit.errors import DataError

WHERE: ContextVar[str] = ContextVar("where", default="nowhere")


def test_it_is_done_before_it_is_asked_for():
    done = threading.Event()
    ahead: Background[str] = Background()
    ahead.begin(3, lambda: [done.set(), threading.current_thread().name][1])
    assert done.wait(10)
    assert ahead.take(3) == "lmkit-background"
    assert ahead.take(3) is None


def test_one_at_a_time_and_what_nobody_asks_for_is_given_up():
    go = threading.Event()
    ahead: Background[int] = Background()
    ahead.begin(1, lambda: int(go.wait(10)))
    ahead.begin(2, lambda: 2)  # something is under way
    go.set()
    assert ahead.take(2) is None
    assert ahead.take(1) is None
    ahead.begin(2, lambda: 2)
    assert ahead.take(2) == 2


def test_who_takes_waits():
    go = threading.Event()
    ahead: Background[bool] = Background()
    ahead.begin(1, lambda: go.wait(10))
    threading.Timer(0.1, go.set).start()
    assert ahead.take(1) is True


def test_an_error_is_raised_where_the_result_is_taken():
    def fail():
        raise DataError("row 7")

    ahead: Background[None] = Background()
    ahead.begin(1, fail)
    with pytest.raises(DataError, match="row 7"):
        ahead.take(1)


def test_it_sees_the_context_it_was_begun_in():
    token = WHERE.set("here")
    ahead: Background[str] = Background()
    ahead.begin(1, WHERE.get)
    WHERE.reset(token)
    assert ahead.take(1) == "here"


def test_a_forked_process_does_not_wait_for_its_parent_s_thread(monkeypatch):
    ahead: Background[int] = Background()
    ahead.begin(1, lambda: 1)
    process = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: process + 1)
    assert ahead.take(1) is None
    ahead.begin(1, lambda: 2)
    assert ahead.take(1) == 2
