"""Items made ahead in a thread: their order, an error in its place, and an end to the thread."""

import threading
import time

import pytest

from lmkit.commands.ahead import Ahead


def counted(made, stop=5):
    for number in range(stop):
        made.append(number)
        yield number


def test_items_come_in_order():
    with Ahead(iter(range(100))) as ahead:
        assert list(ahead) == list(range(100))


def test_an_item_is_made_while_the_one_before_is_used():
    made = []
    with Ahead(counted(made)) as ahead:
        next(ahead)
        deadline = time.monotonic() + 5
        while len(made) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert made == [0, 1, 2]  # one taken, one ready, one waiting to be handed over


def test_an_error_comes_after_what_was_made_before_it():
    def failing():
        yield 1
        raise KeyError("second")

    seen = []
    with Ahead(failing()) as ahead, pytest.raises(KeyError, match="second"):
        seen.extend(ahead)  # extend keeps nothing where it fails
    with Ahead(failing()) as ahead:
        assert next(ahead) == 1


def test_the_thread_ends_where_nobody_takes_any_more_and_closes_what_it_read():
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    with Ahead(endless()) as ahead:
        next(ahead)
    assert closed.wait(5)


def test_a_thread_that_waits_for_input_does_not_hold_up_the_end():
    release = threading.Event()

    def waiting():
        yield 1
        release.wait(30)

    started = time.monotonic()
    with Ahead(waiting()) as ahead:
        next(ahead)
    assert time.monotonic() - started < 5
    release.set()
