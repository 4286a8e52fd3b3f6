"""Each sign is seen in a text that has it, and in no text of a language that only looks like it."""

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.doctor.text_signs import SIGNS, text_signs

CODE = base64.b64encode(random.Random(0).randbytes(300)).decode()


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("a lost \ufffd character, and long enough", ["replacement_character"]),
        ("caf\u00c3\u00a9 au lait", ["mojibake"]),
        ("it\u00e2\u20ac\u2122s late", ["mojibake"]),
        ("so \u00f0\u0178\u02dc\u201a funny", ["mojibake"]),
        ("a NUL \0 in the middle of it", ["nul"]),
        ("an escape \x1b[31m for red text", ["control_character"]),
        ("joined\ufefffiles", ["inner_bom"]),
        ("one\r\ntwo\nthree", ["mixed_line_ends"]),
        ("one\rtwo\nthree", ["mixed_line_ends"]),
        ("\x02\x03abc\0", ["nul", "control_character", "binary"]),
        (f"see {CODE} there", ["encoded_bytes"]),
        ("one\r\ntwo\r\n", []),
        ("tab\tand\x0cform feed\n", []),
        ("NÃO É ASSIM, São João; Âge, Spaß“ und „Grüße“; crème brûlée", []),
        ("-" * 500 + "a" * 500, []),
        ("word " * 500, []),
        ("", []),
    ],
)
def test_signs(text: str, kinds: list[str]) -> None:
    assert text_signs(text) == kinds


@given(st.text("éèüßñçàâêîôûäöÄÖÜ’“”–—…€", min_size=1, max_size=20))
def test_what_was_misread_is_seen(text: str) -> None:
    """Misreading UTF-8 as Windows-1252 is what mojibake is."""
    try:
        misread = text.encode().decode("cp1252")
    except UnicodeDecodeError:  # five bytes have no character there
        return
    assert "mojibake" in text_signs(misread)


@given(st.text())
def test_any_text_has_known_signs(text: str) -> None:
    assert set(text_signs(text)) <= set(SIGNS)


def test_real_text_has_no_false_signs(test_data) -> None:
    """Shakespeare is plain ASCII; the encyclopedia holds accents, dashes and other scripts."""
    assert text_signs((test_data / "tinyshakespeare" / "input.txt").read_text()) == []
    lines = (test_data / "wikitext2" / "valid.txt").read_text(encoding="utf-8").split("\n")
    assert {kind for line in lines for kind in text_signs(line)} == set()
