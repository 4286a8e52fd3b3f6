"""Schemes of tags: what breaks them, which it is, and that all of them write the same spans."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, Tokens

from lmkit.data.tag_schemes import Evidence, broken, tag_problem, to_iob2
from lmkit.errors import DataError


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ("O B-loc I-loc O B-loc B-loc", None),
        ("B-creative-work I-creative-work", None),
        ("S-loc O B-per I-per E-per U-org B-org L-org", None),
        ("O I-loc", "token 2 has the tag `I-loc` with no span open"),
        ("B-per I-loc", "token 2 has the tag `I-loc` inside a span of per"),
        ("B-per O I-per", "token 3 has the tag `I-per` with no span open"),
        ("B-per E-per I-per", "token 3 has the tag `I-per` with no span open"),
        ("O loc", "token 2 has the tag `loc`, which is neither O nor B-TYPE nor I-TYPE"),
        ("O X-loc", "token 2 has the tag `X-loc`, which is neither O nor B-TYPE nor I-TYPE"),
    ],
)
def test_tags(tags: str, problem: str | None) -> None:
    found = tags.split()
    assert tag_problem(["word"] * len(found), found) == problem


@given(st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b"])))
def test_bio_is_that_each_inside_follows_its_own_kind(tags: list[str]) -> None:
    pairs = zip(["O", *tags], tags, strict=False)
    good = all(tag[0] != "I" or before in (f"B{tag[1:]}", tag) for before, tag in pairs)
    assert (tag_problem(tags, tags) is None) == good


def test_tags_that_are_too_many_numbers_or_missing() -> None:
    assert tag_problem(["a", "b"], ["O"]) == "2 tokens but 1 tags"
    assert tag_problem(["a", "b"], [0, 3]) is None
    assert tag_problem(None, ["O"]) == "tokens or tags are missing"


def test_iob1_and_tags_of_an_unknown_scheme() -> None:
    for scheme in ("iob1", "auto"):
        assert tag_problem(["a"] * 3, ["I-a", "I-b", "B-b"], scheme) is None
        assert "neither O nor" in str(tag_problem(["a"], ["loc"], scheme))
    assert tag_problem(["a"], ["S-x"], "iob1") == (
        "token 1 has the tag `S-x`, which IOB1 does not have"
    )
    assert tag_problem(["a"], ["E-x"], "auto") is None


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, list[tuple[str, int, int]]]:
    """A number of words, and spans of them that do not overlap: type, first word, end."""
    size, at, found = draw(st.integers(1, 12)), 0, []
    while at < size:
        length = draw(st.integers(0, 3))
        if length and at + length <= size:
            found.append((draw(st.sampled_from("ab")), at, at + length))
        at += max(length, 1)
    return size, found


def written(size: int, found: list[tuple[str, int, int]], scheme: str) -> list[str]:
    """The tags of spans, made from the definition of the scheme."""
    tags, before = ["O"] * size, ("", 0)
    for kind, begin, end in found:
        inner = ["I"] * (end - begin)
        if scheme == "iob1":
            inner[0] = "B" if before == (kind, begin) else "I"
        elif scheme == "iob2":
            inner[0] = "B"
        else:
            single, last = ("S", "E") if scheme == "bioes" else ("U", "L")
            inner[0], inner[-1] = "B", last
            inner = [single] if len(inner) == 1 else inner
        tags[begin:end] = [f"{prefix}-{kind}" for prefix in inner]
        before = (kind, end)
    return tags


@given(spans(), st.sampled_from([("iob1", IOB1), ("iob2", IOB2), ("bioes", IOBES),
                                 ("bilou", BILOU)]))  # fmt: skip
def test_each_scheme_gives_the_same_spans_as_seqeval_reads(made, scheme) -> None:
    size, found = made
    tags = written(size, found, scheme[0])
    assert to_iob2(tags) == written(size, found, "iob2")
    theirs = [(e.tag, e.start, e.end) for e in Tokens(tags, scheme[1]).entities]
    assert theirs == found


@given(st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b"]), min_size=1))
def test_what_comes_out_is_iob2_and_stays_so(tags) -> None:
    made = to_iob2(tags)
    assert tag_problem(tags, made) is None
    assert to_iob2(made) == made
    assert [tag[1:] for tag in made] == [tag[1:] for tag in tags]


@pytest.mark.parametrize(
    ("rows", "scheme"),
    [
        (["O B-a I-a", "B-a B-a"], "iob2"),
        (["O I-a I-a", "O I-b B-b"], "iob1"),
        (["I-a O"], "iob1"),
        (["B-a E-a O S-b"], "bioes"),
        (["B-a L-a O U-b"], "bioes"),
        (["O O"], "iob2"),
    ],
)
def test_the_scheme_is_found(rows, scheme) -> None:
    evidence = Evidence()
    for number, tags in enumerate(rows, start=1):
        evidence.add(tags.split(), f"x:{number}")
    assert evidence.scheme() == scheme


def test_a_break_is_named_with_both_cures() -> None:
    evidence = Evidence()
    evidence.add(["O", "B-a"], "x:1")
    evidence.add(["O", "I-a"], "x:4")
    with pytest.raises(DataError) as caught:
        evidence.scheme()
    assert str(caught.value) == (
        "x:4: token 2 has the tag `I-a` with no span open, which breaks IOB2; mend the tags (a "
        "span begins with B- and goes on with I- of the same type), or set task.scheme: iob1 to "
        "read an I- that follows no span of its type as the beginning of one (as conlleval does)"
    )
    assert "task.scheme" not in broken("x", "BIOES")
