"""Texts that a model wrote, screened: personal data by pattern, words of a list.

Patterns are checked by their check digits or ranges where they have any, so that few are found in
vain; what they do not know (names, addresses, other countries' numbers) they do not find.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

_CARD_DIGITS = range(13, 20)
_WORD = re.compile(r"\w+")


class Match(NamedTuple):
    """What was found in a text."""

    kind: str
    text: str

    def masked(self) -> str:
        """Its beginning and end: enough to look it up, too little to pass it on."""
        kept = 2 if len(self.text) > 6 else 1
        return f"{self.text[:kept]}***{self.text[-kept:]}"


def _luhn(text: str) -> bool:
    """Whether the digits have the check digit of a payment card (ISO/IEC 7812-1, annex B)."""
    digits = [int(one) for one in text if one.isdecimal()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return len(digits) in _CARD_DIGITS and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> bool:
    """Whether the check digits are those of an account number (ISO 13616: modulo 97 is 1)."""
    plain = text.replace(" ", "")
    return int("".join(str(int(one, 36)) for one in plain[4:] + plain[:4])) % 97 == 1


def _octets(text: str) -> bool:
    """Whether the four numbers are those of an IP address that is no plain version number."""
    numbers = [int(one) for one in text.split(".")]
    return max(numbers) <= 255 and max(numbers) > 20


def _phone(text: str) -> bool:
    """Whether there are as many digits as a phone number has (ITU-T E.164: at most 15)."""
    return 9 <= sum(one.isdecimal() for one in text) <= 15


def _always(text: str) -> bool:  # noqa: ARG001 - the pattern says it all
    return True


PATTERNS: Mapping[str, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    "email": (re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"), _always),
    "iban": (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), _iban),
    "payment_card": (re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])"), _luhn),
    "us_social_security": (
        re.compile(r"\b(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b"),
        _always,
    ),
    "ip_address": (re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"), _octets),
    "phone": (
        re.compile(r"(?<![\w.])(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}"
                   r"|\(\d{3}\) ?\d{3}-\d{4}|\d{3}[.-]\d{3}[.-]\d{4})(?![\w.])"),
        _phone,
    ),
}  # fmt: skip
"""What is looked for, in this order; a place of the text counts for the first that it is."""


def personal_data(text: str) -> list[Match]:
    """What looks like personal data in a text."""
    found: list[Match] = []
    taken: list[tuple[int, int]] = []
    for kind, (pattern, holds) in PATTERNS.items():
        for match in pattern.finditer(text):
            begin, end = match.span()
            if any(begin < last and first < end for first, last in taken):
                continue
            if holds(match.group()):
                found.append(Match(kind, match.group()))
                taken.append((begin, end))
    return found


class WordList:
    """Words and phrases, found whole and in any case."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Take the entries; blank ones are none."""
        self._by_length: dict[int, set[tuple[str, ...]]] = defaultdict(set)
        for entry in entries:
            if words := tuple(_words(entry)):
                self._by_length[len(words)].add(words)

    def __len__(self) -> int:
        return sum(map(len, self._by_length.values()))

    def found(self, text: str) -> Counter[str]:
        """How often each entry stands in a text."""
        words = _words(text)
        return Counter(
            " ".join(run)
            for size, entries in self._by_length.items()
            for at in range(len(words) - size + 1)
            if (run := tuple(words[at : at + size])) in entries
        )


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]
