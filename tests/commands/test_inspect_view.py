"""Lines of a report: labels, counts of findings, plain text and color."""

import sys

import pytest

from lmkit.commands.inspect_view import Line, label_shares, lines, write
from lmkit.data.doctor.findings import Finding
from lmkit.recipe.options.causal_lm import CausalLMOptions


def finding(count: int, rows: list[str]) -> Finding:
    return Finding("leak", "error", "test", count, 0.5, rows, "found", "mend")


def test_labels_are_ordered_and_few() -> None:
    assert label_shares({"a": 1, "b": 3}) == "b 75.0 %, a 25.0 %"
    assert label_shares(dict.fromkeys("abcd", 1), most=2) == "a 25.0 %, b 25.0 % and 2 more"


def test_findings_and_notes() -> None:
    options = CausalLMOptions(name="causal_lm")
    found = [finding(9, [f"x:{i}" for i in range(9)]), finding(1, [])]
    texts = [line.text for line in lines([], found, ["a note"], options)]
    assert texts == [
        "note: a note", "", "findings: 2 errors",
        "error: test: found", "    x:0, x:1, x:2, x:3, x:4 and 4 more", "    mend",
        "error: test: found", "    mend",
    ]  # fmt: skip
    assert [line.text for line in lines([], [], [], options)] == ["", "findings: none"]


def test_a_terminal_gets_color(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [Line("error: [bold] is text", "bold red")]
    write(told)
    assert capsys.readouterr().out == "error: [bold] is text\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    write(told)
    out = capsys.readouterr().out
    assert "\x1b[" in out
    assert "[bold] is text" in out
