"""The counts of a cleaning, and their line."""

import json

import pytest

from lmkit.data.cleaning_ledger import CleaningLedger

LEDGER = CleaningLedger(
    1200, 5000, {"html": 3, "lowercase": 1100}, {"blank": 1, "duplicates": 9}, 2, 1190, 4800
)


def test_line():
    assert LEDGER.line() == (
        "1,200 documents in; changed: 3 html, 1,100 lowercase; dropped: 1 blank, 9 duplicates; "
        "1,190 out, 5,000 characters to 4,800"
    )
    assert "changed: nothing; " in CleaningLedger(1, 1, {}, {"blank": 0}, 0, 1, 1).line()


def test_json_and_back():
    assert CleaningLedger(**json.loads(json.dumps(LEDGER.as_json()))) == LEDGER


def test_what_does_not_add_up_is_no_ledger():
    with pytest.raises(AssertionError):
        CleaningLedger(3, 1, {}, {"blank": 1}, 0, 1, 1)
