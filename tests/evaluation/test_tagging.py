"""Tags that write spans: the likeliest by trying them all, and sentences put together."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from seqeval.scheme import IOB2, Tokens

from lmkit.data.tag_schemes import tag_problem, to_iob2
from lmkit.evaluation.tagging import TagSet, tag_names
from lmkit.labels import NO_TOKEN, SHARED

TAGS = TagSet(tag_names(["loc", "creative-work"]))
NUMBERS = st.integers(0, len(TAGS) - 1)


def names(tags):
    return [TAGS.names[tag] for tag in tags]


def numbers(text):
    marks = {"none": NO_TOKEN, "shared": SHARED}
    short = {"B-w": "B-creative-work", "I-w": "I-creative-work"}
    return [
        marks[name] if name in marks else TAGS.ids[short.get(name, name)] for name in text.split()
    ]


def test_names():
    assert TAGS.names == ["O", "B-loc", "I-loc", "B-creative-work", "I-creative-work"]
    assert TAGS.types == ["loc", "creative-work"]
    assert TagSet(["I-a", "B-a", "O"]).outside == 2


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.booleans())
def test_the_likeliest_sequence_is_that_of_all_that_write_spans(seed, words, within):
    log_p = np.log(np.random.default_rng(seed).dirichlet(np.full(5, 0.5), size=words))
    found = TAGS.likeliest(log_p, within=within).tolist()
    best = -np.inf
    for tags in itertools.product(range(5), repeat=words):
        whole = names(tags)
        start = [f"B-{whole[0][2:]}"] if within and whole[0][0] == "I" else []
        if tag_problem([""] * len(start + whole), start + whole) is None:
            best = max(best, log_p[np.arange(words), list(tags)].sum())
    assert np.isclose(log_p[np.arange(words), found].sum(), best)


def test_a_sure_second_word_draws_the_first_one_in():
    log_p = np.log([[0.5, 0.4, 0.05, 0.03, 0.02], [0.02, 0.02, 0.9, 0.03, 0.03]])
    assert names(log_p.argmax(1)) == ["O", "I-loc"]
    assert names(TAGS.likeliest(log_p, within=False)) == ["B-loc", "I-loc"]
    assert names(TAGS.likeliest(log_p[1:], within=True)) == ["I-loc"]
    assert names(TAGS.likeliest(log_p[1:], within=False)) != ["I-loc"]


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_read_leniently_an_inside_tag_may_begin_a_span(seed, words):
    """As conlleval reads IOB1, and as tag by tag to IOB2."""
    log_p = np.log(np.random.default_rng(seed).dirichlet(np.full(5, 0.3), size=words))
    lenient = TagSet(TAGS.names, strict=False)
    tags, shares = lenient.tagged(log_p, within=False)
    assert names(tags) == to_iob2(names(log_p.argmax(1)))
    assert np.allclose(shares, np.exp(log_p).max(1))
    within, _ = lenient.tagged(log_p, within=True)
    assert within[0] == log_p[0].argmax()
    assert within[1:].tolist() == tags[1:].tolist()


def test_a_model_of_iob1_begins_spans_with_i():
    log_p = np.log([[0.01, 0.01, 0.96, 0.01, 0.01], [0.9, 0.02, 0.04, 0.02, 0.02]])
    tags, shares = TagSet(TAGS.names, strict=False).tagged(log_p, within=False)
    assert names(tags) == ["B-loc", "O"]
    assert np.allclose(shares, [0.96, 0.9])
    tags, shares = TAGS.tagged(log_p, within=False)
    assert np.allclose(shares[0], np.exp(log_p)[0, tags[0]])
    assert shares[0] < 0.5  # what strict reading makes of it


def test_words_without_a_tag_of_their_own():
    for given_tags, whole in (
        ("B-loc shared shared O shared", "B-loc I-loc I-loc O O"),
        ("B-loc none I-loc none O none", "B-loc I-loc I-loc O O O"),
        ("B-loc none B-loc", "B-loc O B-loc"),
        ("B-loc none none I-w", "B-loc O O B-w"),
        ("none", "O"),
        ("O I-loc I-w", "O B-loc B-w"),
    ):
        assert TAGS.whole(numbers(given_tags)) == numbers(whole)


@given(st.lists(st.sampled_from([NO_TOKEN, SHARED, 0, 1, 2, 3, 4])))
def test_put_together_they_write_spans(tags):
    whole = TAGS.whole(tags)
    assert tag_problem(whole, names(whole)) is None
    kept = [(tag, made) for tag, made in zip(tags, whole, strict=True) if tag >= 0]
    assert all(names([tag])[0][1:] == names([made])[0][1:] for tag, made in kept)
    assert TAGS.whole(whole) == whole


@given(st.lists(NUMBERS))
def test_entities_are_those_of_strict_iob2(tags):
    whole = TAGS.whole(tags)
    theirs = [(e.tag, e.start, e.end - 1) for e in Tokens(names(whole), IOB2).entities]
    assert TAGS.entities(whole) == theirs
