"""Progress off a terminal: a plain line now and then, and none when told to be quiet."""

import logging

from lmkit.commands import bar


def test_a_line_now_and_then(monkeypatch, caplog):
    monkeypatch.setattr(bar, "TELL_EVERY", 0.0)
    with caplog.at_level(logging.INFO, "lmkit"), bar.progress_bar("scoring") as progress:
        progress(3, 7)
    assert caplog.messages == ["scoring: 3 of 7"]


def test_nothing_when_quiet(caplog):
    with caplog.at_level(logging.ERROR, "lmkit"), bar.progress_bar("scoring") as progress:
        assert progress is None
