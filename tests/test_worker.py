"""Which process of several this is, and what it leaves behind."""

import signal
from pathlib import Path

import pytest

from lmkit import worker


def test_a_stopped_worker_does_not_alarm_the_agent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(worker.FOLDER, str(tmp_path))
    assert worker.leave(128 + signal.SIGTERM, "") == 0
    assert worker.leave(2, "") == 2


def test_after_a_signal_no_worker_starts_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(worker.FOLDER, str(tmp_path))
    (tmp_path / "stop").touch()
    with pytest.raises(SystemExit) as ended:
        worker.join()
    assert ended.value.code == 0


def test_a_process_that_is_alone_tells_its_text_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(worker.FOLDER, raising=False)
    worker.join()
    assert worker.leave(128 + signal.SIGTERM, "go on") == 143
    assert capsys.readouterr().err == "go on\n"


def test_what_is_left_is_read_in_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(worker.FOLDER, str(tmp_path))
    for pid, restarts, code, text in ((7, 1, 3, "a\nb"), (5, 0, 1, ""), (6, 1, 0, "")):
        monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(restarts))
        worker.join()
        assert (tmp_path / f"pid-{pid}").exists()
        worker.leave(code, text)
        assert not (tmp_path / f"pid-{pid}").exists()
    found = worker.words(tmp_path)
    assert [(word.round, word.code, word.text) for word in found] == [
        (0, 1, ""),
        (1, 3, "a\nb"),
        (1, 0, ""),
    ]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("names", "is_worker", "is_first", "is_restart"),
    [
        ({}, False, True, False),
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, True, True, False),
        ({"RANK": "1", "WORLD_SIZE": "2"}, True, False, False),
        ({"RANK": "1", "LOCAL_RANK": "1", "TORCHELASTIC_RESTART_COUNT": "2"}, True, False, True),
    ],
)
def test_roles(
    monkeypatch: pytest.MonkeyPatch,
    names: dict[str, str],
    is_worker: bool,
    is_first: bool,
    is_restart: bool,
) -> None:
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    assert worker.is_worker() == is_worker
    assert worker.is_first() == is_first
    assert worker.is_restart() == is_restart
