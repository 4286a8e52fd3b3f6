"""HTML as plain text: tags go, what they set apart stays apart.

Two passes of regular expressions, for a parser in Python takes a hundred times as long. Every one
is linear in the text, whatever the text is.
"""

import re

_LINES = (
    "address|article|aside|blockquote|body|br|caption|center|dd|details|dialog|div|dl|dt|fieldset|"
    "figcaption|figure|footer|form|h[1-6]|head|header|hr|html|legend|li|main|nav|ol|option|p|pre|"
    "section|summary|table|tbody|tfoot|thead|title|tr|ul"
)
_TAG = re.compile(rf"</?(?:({_LINES})|(t[dh]))(?![\w-])[^<>]*>|</?[a-z][^<>]*>", re.I)
_DECLARATION = re.compile(r"<[!?][^<>]*>")
_COMMENT = (re.compile(r"<!--.*?-->", re.DOTALL), re.compile(r"-->"))
_HIDDEN = [  # what a browser does not show
    (re.compile(rf"<{name}\b.*?</{name}\s*>", re.DOTALL | re.I), re.compile(rf"</{name}\s*>", re.I))
    for name in ("script", "style")
]


def strip_tags(text: str) -> str:
    """The text between the tags; entities stay as they are.

    A tag begins with `<` and a letter (or `</`, `<!`, `<?`) and ends with the next `>`; `1 < 2`
    is none. Comments, scripts and styles go with what is in them, where they are closed. A tag
    that begins or ends a line (`<br>`, `<p>`, `<li>`, ...) leaves a line feed, a cell of a table a
    space, any other nothing.
    """
    if "<" not in text:
        return text
    for pattern, end in (_COMMENT, *_HIDDEN):
        text = _cut(text, pattern, end)
    return _TAG.sub(_instead, _DECLARATION.sub("", text))


def _cut(text: str, pattern: re.Pattern[str], end: re.Pattern[str]) -> str:
    """The text without what `pattern` finds.

    Nothing begins to match after the last `end`: without that, many beginnings that are never
    closed would each be read to the end of the text.
    """
    last = 0
    for match in end.finditer(text):
        last = match.end()
    return pattern.sub("", text[:last]) + text[last:] if last else text


def _instead(tag: re.Match[str]) -> str:
    if tag.group(1):
        return "\n"
    return " " if tag.group(2) else ""
