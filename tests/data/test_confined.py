"""Bounds of a child process: time, memory, crashes, and whose child it is."""

import os
import pickle
import signal
import threading
import time

import pytest

from lmkit.data.confined import MEGABYTES, Confined, ConfinedError


def doubled(number: int) -> int:
    return 2 * number


def test_it_gives_back_what_the_work_gives_and_keeps_one_child():
    confined = Confined(lambda _: os.getpid())
    first = confined(None)
    assert first != os.getpid()
    assert confined(None) == first


def test_an_error_is_told_and_the_child_goes_on():
    confined = Confined(lambda number: 1 // number)
    with pytest.raises(ConfinedError, match="division"):
        confined(0)
    assert confined(1) == 1


def test_what_takes_too_long_is_ended():
    confined = Confined(time.sleep, seconds=0.2)
    begun = time.monotonic()
    with pytest.raises(ConfinedError, match="takes more than 0 seconds"):
        confined(60)
    assert time.monotonic() - begun < 5
    assert confined(0) is None  # by a new child


def test_what_takes_too_much_memory_is_ended():
    confined = Confined(lambda size: len(bytearray(size)))
    with pytest.raises(ConfinedError, match="needs more than 1024 MB"):
        confined(2 * MEGABYTES << 20)  # what malloc keeps free would lend it a little more
    assert confined(1) == 1


def test_a_crash_is_told():
    confined = Confined(lambda _: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(ConfinedError, match="crashes"):
        confined(None)


def test_the_child_ends_with_its_owner():
    confined = Confined(lambda _: os.getpid())
    child = confined(None)
    del confined
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_the_child_holds_no_file_of_the_parent(tmp_path):
    with (tmp_path / "held").open("w") as file:
        confined = Confined(os.fstat)
        with pytest.raises(ConfinedError, match="Bad file descriptor"):
            confined(file.fileno())


def test_a_forked_copy_has_a_child_of_its_own():
    confined = Confined(lambda _: os.getppid())
    assert confined(None) == os.getpid()
    reader, writer = os.pipe()
    copy = os.fork()
    if copy == 0:
        os.write(writer, str(confined(None)).encode())
        os._exit(0)
    assert int(os.read(reader, 20)) == copy
    os.waitpid(copy, 0)
    assert confined(None) == os.getpid()


def test_threads_get_their_own_answers():
    confined = Confined(doubled)
    found: dict[int, int] = {}
    threads = [
        threading.Thread(target=lambda number=number: found.update({number: confined(number)}))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: 2 * number for number in range(8)}


def test_it_can_be_pickled():
    assert pickle.loads(pickle.dumps(Confined(doubled)))(3) == 6
