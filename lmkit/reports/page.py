"""A page of HTML: one file that opens anywhere and asks the network for nothing.

Every text comes from data and is hostile until it is escaped: Jinja escapes all of them, and a
Content-Security-Policy by hashes lets the browser run and load nothing but what is written here.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lmkit import __version__
from lmkit.reports.numbers import LONGEST, cut, figure, flat
from lmkit.reports.plots import Figure
from lmkit.secrets import without_secrets

HERE = Path(__file__).parent
MOST_BYTES = 2_000_000
"""Of a page."""
_LIMITS = ((200, LONGEST), (50, 300), (10, 100))
"""Rows of a table and characters of a text that are shown: the first that make the page fit."""


def fitting(make: Callable[[int, int], str]) -> str:
    """The page that is not too large.

    Args:
        make: from the most rows of a table and the most characters of a text to a page.
    """
    text = ""
    for rows, longest in _LIMITS:
        text = make(rows, longest)
        if len(text.encode("utf-8")) < MOST_BYTES:
            break
    return text


def fill(template: str, title: str, figures: Sequence[Figure], longest: int, **context: Any) -> str:
    """A page from a template that extends layout.html.j2.

    Args:
        template: its file.
        title: of the page.
        figures: all of them, in the order in which `plot` numbers their places.
        longest: characters of a text that are shown.
        context: what else the template reads.
    """
    style, script = _assets()
    text = _environment(longest).get_template(template).render(
        title=title,
        style=style,
        script=script,
        policy=_policy(str(style), str(script)),
        figures=[one.drawn() for one in figures],
        version=__version__,
        **context,
    )  # fmt: skip
    # half of a surrogate pair, which JSON can hold, cannot be written
    return text.encode("utf-8", "replace").decode("utf-8")


@cache
def _environment(longest: int) -> Environment:
    """The templates, with filters that show at most so many characters of a text."""

    def pairs(value: Any) -> list[tuple[str, str]]:
        return [(path, without_secrets(text)) for path, text in flat(value, longest=longest)]

    made = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"figure": partial(figure, longest=longest), "cut": cut, "pairs": pairs}
    return made


@cache
def _assets() -> tuple[Markup, Markup]:
    """The style and the script of every page: files of lmkit, so no escaping."""
    style = "\n".join(_asset(name) for name in ("uplot/uPlot.min.css", "style.css"))
    script = "\n".join(_asset(name) for name in ("uplot/uPlot.iife.min.js", "charts.js"))
    return Markup(style), Markup(script)


def _asset(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing is loaded; what is run and how it looks is known by its hash."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
