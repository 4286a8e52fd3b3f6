"""One holder at a time; who must not wait is told."""

import logging
import threading

from lmkit.data.locks import locked, locked_if_free


def test_who_finds_it_held_is_told(tmp_path):
    folder = tmp_path / "entry"
    with locked_if_free(folder) as mine:
        assert mine
        with locked_if_free(folder) as other:
            assert not other
    with locked_if_free(folder) as mine:
        assert mine


def test_who_must_have_it_waits_and_says_so(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="lmkit")
    folder = tmp_path / "entry"
    order = []

    def wait():
        with locked(folder):
            order.append("second")

    with locked(folder):
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.2)
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]
    assert f"waiting for another process that prepares {folder}" in caplog.text
