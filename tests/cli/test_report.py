"""`lmkit report`: its words reach the command."""

import pytest

from lmkit.commands import report as command


def test_the_words_reach_the_command(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    monkeypatch.setattr(command, "report", lambda *words: found.append(words))
    assert cli("report", "run", "-o", "page.html").code == 0
    assert cli("report", "a", "b").code == 0
    assert cli("report", "a", "--explain", "why").code == 0
    assert found == [(["run"], "page.html", ()), (["a", "b"], None, ()), (["a"], None, ["why"])]
    assert "Missing argument 'RUN...'" in cli("report").err
