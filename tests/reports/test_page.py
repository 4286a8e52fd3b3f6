"""What all pages are: small enough, escaped, and colored so that they can be read."""

import re

import pytest
from jinja2 import UndefinedError

from lmkit.reports.page import HERE, MOST_BYTES, fill, fitting


def test_the_first_limits_that_fit_are_taken() -> None:
    asked = []

    def make(rows: int, longest: int) -> str:
        asked.append((rows, longest))
        return "\N{EURO SIGN}" * (MOST_BYTES // 3 + 1 if rows > 50 else 5)

    assert fitting(make) == "\N{EURO SIGN}" * 5  # bytes count, not characters
    assert asked == [(200, 1000), (50, 300)]
    assert len(fitting(lambda *_: "x" * (MOST_BYTES + 1))) > MOST_BYTES  # no page is lost


def test_a_page_is_filled_and_escaped() -> None:
    page = fill("layout.html.j2", "a <b> \ud800", [], 10)
    assert "<title>a &lt;b&gt; ?: lmkit report</title>" in page
    assert page.startswith("<!DOCTYPE html>")


def test_a_name_that_a_template_does_not_know_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        fill("report.html.j2", "", [], 10)


def test_contrast_is_enough_for_text() -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1 for each color of text on each of its grounds."""
    style = (HERE / "style.css").read_text()

    def light(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        low, high = sorted((light(one), light(other)))
        return (high + 0.05) / (low + 0.05)

    themes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(themes) == 3
    for theme in themes:
        color = dict(re.findall(r"--([\w-]+): (#\w{6})", theme))
        for text in ("ink", "quiet", "link"):
            for ground in ("paper", "raised"):
                assert contrast(color[text], color[ground]) >= 4.5, (text, ground)
        for mark in ("good", "open"):
            assert contrast(color[mark], color[f"{mark}-back"]) >= 4.5
        assert contrast(color["ink"], color["open-back"]) >= 4.5
        for number in range(1, 6):  # lines of figures: 3 to 1 (1.4.11)
            assert contrast(color[f"line-{number}"], color["raised"]) >= 3
