"""The order of findings, their JSON, and their grammar."""

from lmkit.data.doctor.findings import SHOWN, Finding, Tally, in_order, rows_that


def finding(severity, count: int, **more) -> Finding:
    return Finding("leak", severity, "test", count, count / 9, ["a:1"], "found", "mend", **more)


def test_the_gravest_comes_first() -> None:
    found = [finding("note", 9), finding("error", 1), finding("warning", 2), finding("error", 5)]
    ordered = [(f.severity, f.count) for f in in_order(found)]
    assert ordered == [("error", 5), ("error", 1), ("warning", 2), ("note", 9)]


def test_json_names_other_rows_only_where_there_are_some() -> None:
    assert finding("error", 1).as_dict() == {
        "kind": "leak", "severity": "error", "split": "test", "count": 1, "share": 0.111111,
        "rows": ["a:1"], "message": "found", "cure": "mend",
    }  # fmt: skip
    assert finding("error", 1, others=["b:1"]).as_dict()["others"] == ["b:1"]


def test_a_tally_counts_all_and_names_the_first() -> None:
    tally = Tally()
    for number in range(SHOWN + 5):
        tally.add(f"x:{number}", f"detail {number}")
    assert tally.count == SHOWN + 5
    assert tally.rows == [f"x:{number}" for number in range(SHOWN)]
    assert tally.detail == "detail 0"


def test_one_row_or_many() -> None:
    assert rows_that(1, "stand in train too") == "1 row stands in train too"
    assert rows_that(1, "have no text") == "1 row has no text"
    assert rows_that(1200, "have no text") == "1,200 rows have no text"
    assert rows_that(1, "cannot be read") == "1 row cannot be read"
