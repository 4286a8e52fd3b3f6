"""HTML as plain text, beside the parser of the standard library."""

import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.markup import strip_tags


class Parser(HTMLParser):
    """What a parser takes for text; it reads tags by itself."""

    def __init__(self):
        super().__init__(convert_charrefs=False)
        self.text = ""
        self.hidden = 0

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("script", "style")
        self.text += {"p": "\n", "br": "\n", "div": "\n", "li": "\n", "h2": "\n", "td": " "}.get(
            tag, ""
        )

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style")
        self.text += {"p": "\n", "div": "\n", "li": "\n", "h2": "\n", "td": " "}.get(tag, "")

    def handle_data(self, data):
        self.text += "" if self.hidden else data

    def handle_entityref(self, name):
        self.text += f"&{name};"


TAGS = ("p", "b", "a", "div", "li", "h2", "td", "em", "p-own", "br2", "section-x", "DIV", "Span")
WORDS = st.lists(st.sampled_from(["one ", "two", "\n", " 1 < 2 ", "&amp;", "é "])).map("".join)


def element(inside):
    attributes = st.sampled_from(["", ' class="x"', " href='a b'\n id=c"])
    return st.builds(
        lambda tag, attribute, text: f"<{tag}{attribute}>{text}</{tag}>",
        st.sampled_from(TAGS), attributes, inside,
    )  # fmt: skip


APART = st.sampled_from(
    ["<br>", "<br/>", "<!-- <p>no</p> > -->", "<!DOCTYPE html>", "<script>if (a) b()</script>",
     "<style type=x>p {}</style>", "<img src=x>"]
)  # fmt: skip
HTML = st.recursive(
    WORDS | APART, lambda inner: element(inner) | st.lists(inner, max_size=4).map("".join)
)


@given(HTML)
def test_it_is_what_a_parser_finds(text):
    parser = Parser()
    parser.feed(text)
    parser.close()
    assert strip_tags(text) == parser.text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a < b and c > d", "a < b and c > d"),
        ("x<y", "x<y"),
        ("<3 you", "<3 you"),
        ("<script> is a tag", " is a tag"),
        ("before <!-- never closed", "before <!-- never closed"),
        ("<SCRIPT>x</Script >y", "y"),
        ("one<br>two", "one\ntwo"),
        ("<b>bold</b>ly", "boldly"),
        ("<tr><td>1</td><td>2</td></tr>", "\n 1  2 \n"),
        ("&lt;b&gt;", "&lt;b&gt;"),
    ],
)
def test_corners(text, plain):
    assert strip_tags(text) == plain


@pytest.mark.parametrize("piece", ["<!--", "<script>", "<a ", "<", "</script", "<!", "-->", "<td"])
def test_time_is_linear_in_hostile_text(piece):
    text = piece * 100_000
    begin = time.process_time()
    strip_tags(text)
    assert time.process_time() - begin < 2  # quadratic: minutes
