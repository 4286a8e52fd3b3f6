"""YAML of job files: what is read is what was given, by readers of YAML 1.1 and 1.2."""

import io
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from lmkit.jobs.documents import documents

READ_AS_SOMETHING = [
    "yes",
    "1:30",
    "1_000",
    "0x1F",
    "1e3",
    "~",
    "null",
    "true",
    "8",
    "!x",
    "&x",
    "*x",
    "[x",
]
LINES = ["a\n b", " a\n\n", "\n", "a \n#b", "\ta\n", "x\n", "#"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    READ_AS_SOMETHING + LINES
)
KEYS = st.text("abyno.-/1", min_size=1, max_size=4)
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(KEYS, VALUES, min_size=1, max_size=3), min_size=1, max_size=2))
def test_what_is_read_is_what_was_given(parts: list[dict[str, Any]]) -> None:
    text = documents("a comment\nof two lines", parts)
    assert list(yaml.safe_load_all(text)) == parts
    assert list(YAML(typ="safe", pure=True).load_all(io.StringIO(text))) == parts


def test_a_character_that_breaks_lines_in_yaml_alone_is_kept() -> None:
    for text in ("A\x85", "a\u2028b", "a\u2028"):
        assert list(yaml.safe_load_all(documents("", [{"a": text}]))) == [{"a": text}]


def test_a_script_stays_readable_and_the_order_is_kept() -> None:
    text = documents("Why.", [{"b": {"run": "a\n  b\n"}, "a": "8"}])
    assert text == '# Why.\nb:\n  run: |\n    a\n      b\na: "8"\n'
