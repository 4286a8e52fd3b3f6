"""Messages for people: where they go, and of which process."""

import logging
from collections.abc import Iterator

import pytest

from lmkit.cli.messages import hush, start_logging


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    logger = logging.getLogger("lmkit")
    before = (logger.handlers, logger.level, logger.propagate)
    yield
    logger.handlers, logger.level, logger.propagate = before


def say() -> None:
    logger = logging.getLogger("lmkit.data.sources")
    logger.debug("detail")
    logger.info("read %s", "a.txt")
    logger.warning("odd")


def test_plain_text_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging()
    say()
    assert capsys.readouterr() == ("", "read a.txt\nwarning: odd\n")


def test_no_secret_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "open sesame")
    start_logging()
    logging.getLogger("lmkit.hub").warning("the hub says: %s", "no such token: open sesame")
    assert capsys.readouterr().err == "warning: the hub says: no such token: ***\n"


def test_hushed(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging()
    hush()
    say()
    assert capsys.readouterr() == ("", "warning: odd\n")


def test_the_second_process_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    start_logging()
    hush()
    say()
    assert capsys.readouterr() == ("", "")
