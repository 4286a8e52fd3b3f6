"""Personal data and words in texts: numbers with published check digits."""

import pytest

from lmkit.evaluation.screening import Match, WordList, personal_data


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("Write to jane.doe+x@mail.example.org.", "email", "jane.doe+x@mail.example.org"),
        ("Card 4111 1111 1111 1111 is valid", "payment_card", "4111 1111 1111 1111"),
        ("5500-0000-0000-0004", "payment_card", "5500-0000-0000-0004"),
        ("IBAN GB82 WEST 1234 5698 7654 32, thanks", "iban", "GB82 WEST 1234 5698 7654 32"),
        ("DE89370400440532013000", "iban", "DE89370400440532013000"),
        ("ssn 078-05-1120", "us_social_security", "078-05-1120"),
        ("from 192.168.0.1 to", "ip_address", "192.168.0.1"),
        ("call +44 20 7946 0958 now", "phone", "+44 20 7946 0958"),
        ("(212) 555-0123", "phone", "(212) 555-0123"),
    ],
)
def test_what_is_found(text, kind, found):
    assert personal_data(text) == [Match(kind, found)]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",  # a wrong check digit
        "GB82 WEST 1234 5698 7654 33",
        "000-12-3456 and 666-12-3456 and 123-00-4567",
        "version 1.2.3.4, 300.1.1.1",
        "user@ and @name and a@b",
        "in 2024-01-15 at 10:30, 3.14159265358979, 1234567",
        "",
    ],
)
def test_what_is_not(text):
    assert personal_data(text) == []


def test_only_the_ends_are_shown():
    assert Match("email", "jane@example.org").masked() == "ja***rg"
    assert Match("x", "abcd").masked() == "a***d"


def test_words_are_whole_and_in_any_case():
    listed = WordList(["Bad", "very bad thing", "", "  ", "STRASSE"])
    assert len(listed) == 3
    assert listed.found("A BAD, bad badge; a Very bad THING in the straße") == {
        "bad": 3, "very bad thing": 1, "strasse": 1,
    }  # fmt: skip
    assert listed.found("") == {}
