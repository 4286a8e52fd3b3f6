"""Options that several commands share mean the same before and after the command's name."""

import logging

import pytest
import typer

from lmkit.cli import app, run
from lmkit.cli.options import Quiet


@pytest.mark.parametrize(
    ("words", "quiet"), [("", False), ("--quiet {}", True), ("{} -q", True), ("-q {} -q", True)]
)
def test_quiet(monkeypatch: pytest.MonkeyPatch, words: str, quiet: bool) -> None:
    seen = []

    def probe(quiet: Quiet = False) -> None:
        seen.append((quiet, logging.getLogger("lmkit").level == logging.WARNING))

    monkeypatch.setattr(app, "registered_commands", [])
    app.command("probe")(probe)
    logger = logging.getLogger("lmkit")
    before = (logger.handlers, logger.level, logger.propagate)
    try:
        assert run((words or "{}").format("probe").split()) == (0, "")
    finally:
        logger.handlers, logger.level, logger.propagate = before
    assert seen == [(quiet, quiet)]


def test_the_names_are_those_of_the_contract() -> None:
    names = {command.name for command in typer.main.get_command(app).commands.values()}
    assert {"pretrain", "finetune", "eval", "generate", "recipes", "data", "doctor"} <= names
