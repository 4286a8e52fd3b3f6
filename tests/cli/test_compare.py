"""`lmkit compare`: its words reach the command."""

import pytest

from lmkit.commands import compare as command


def test_the_words_reach_the_command(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    monkeypatch.setattr(command, "compare", lambda runs, **how: found.append((runs, how)))
    assert cli("compare", "a", "b", "--json").code == 0
    assert cli("compare", "a", "b", "c").code == 0
    assert found == [(["a", "b"], {"as_json": True}), (["a", "b", "c"], {"as_json": False})]
    assert "Missing argument" in cli("compare").err
