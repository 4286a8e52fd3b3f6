"""Texts through training, as a report reads them."""

import json

from hypothesis import given
from hypothesis import strategies as st

from lmkit.reports.facts import RunFacts
from lmkit.reports.run_page import render
from lmkit.reports.writings import GIVEN, STEPS, compact, read_writings, spread, tail
from tests.reports.reading import Reader


def line(step, sample, text, given="once upon"):
    return json.dumps(
        {"step": step, "sample": sample, "given": given, "text": text, "wanted": "a time"}
    )


def test_samples_in_order_and_damaged_lines(tmp_path):
    path = tmp_path / "samples.jsonl"
    assert read_writings(path) == ([], 0)
    bad = [
        "{", "[]", '{"step": 1}', '{"step": "x", "given": "", "text": "", "wanted": ""}', "\xff",
        '{"step": 1, "sample": 0, "given": 3, "text": "", "wanted": ""}', "",
    ]  # fmt: skip
    lines = [line(0, 0, "a"), line(0, 1, "b"), *bad, line(5, 0, "c"), line(5, 1, "d")]
    path.write_text("\n".join(lines) + "\n", encoding="latin-1")
    found, damaged = read_writings(path)
    assert [one.texts for one in found] == [[(0, "a"), (5, "c")], [(0, "b"), (5, "d")]]
    assert (found[0].given, found[0].wanted) == ("once upon", "a time")
    assert damaged == len(bad) - 1  # a blank line is no damage


@given(st.integers(0, 60), st.integers(2, 15))
def test_the_first_and_the_last_stay(count, most):
    texts = [(step, str(step)) for step in range(count)]
    shown = spread(texts, most)
    assert len(shown) == min(count, most)
    assert shown == sorted(set(shown))
    if texts:
        assert (shown[0], shown[-1]) == (texts[0], texts[-1])


def test_the_end_of_a_long_beginning(made_run):
    assert tail("short") == "short"
    assert tail("a" * GIVEN + "b") == "\N{HORIZONTAL ELLIPSIS}" + "a" * (GIVEN - 1) + "b"


def test_blank_lines_take_one_line():
    assert compact("a\n\n\nb\n") == "a\n\n\nb\n"
    assert compact("a" + "\n" * 48 + "b") == "a\n[48 line ends]\nb"
    assert compact("a\n \n  \n\n b") == "a\n[4 line ends]\n b"


def test_on_the_page(made_run):
    run = made_run()
    hostile = "<script>alert(1)</script>"
    lines = [line(step, 0, f"text {step} {hostile}", hostile) for step in range(STEPS + 5)]
    run.samples.write_text("\n".join([*lines, "damaged"]) + "\n")
    text = render(RunFacts.of(run))
    page = Reader(text)
    assert hostile not in text
    assert "1 lines of samples.jsonl are damaged and were left out." in page.words
    assert f"{STEPS} of {STEPS + 5} evaluations; samples.jsonl has them all" in page.words
    for told in ("Samples through training", "a time", "text 0 ", f"text {STEPS + 4} "):
        assert told in page.words
