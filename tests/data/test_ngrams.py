"""Runs of tokens in a corpus, against a search through sets of tuples."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data import ngrams
from lmkit.data.ngrams import RunsOfTokens, covered, longest_run

END = 9


def corpus(documents):
    flat = [token for document in documents for token in [*document, END]]
    offsets = np.cumsum([0, *(len(document) + 1 for document in documents)])
    return SimpleNamespace(tokens=np.asarray(flat, np.uint16), offsets=offsets)


DOCUMENTS = st.lists(st.lists(st.integers(0, 3), max_size=12), min_size=1, max_size=5)


@given(DOCUMENTS, DOCUMENTS, st.integers(1, 4), st.integers(3, 30))
def test_what_a_search_finds(scored, trained, size, chunk):
    def runs(document):
        return [tuple(document[i : i + size]) for i in range(len(document) - size + 1)]

    known = {run for document in trained for run in runs(document)}
    wanted = [[run in known for run in runs(document)] for document in scored]
    made = RunsOfTokens(corpus(scored), size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngrams, "_CHUNK", chunk)
        made.look_through(corpus(trained).tokens)
    assert [one.tolist() for one in made.found()] == wanted
    assert made.counts.tolist() == [len(one) for one in wanted]


def test_planted_copies_are_found_in_random_text_and_nothing_else():
    random = np.random.default_rng(0)
    scored = [random.integers(10, 50_000, 200).tolist() for _ in range(20)]
    trained = random.integers(10, 50_000, 300_000)
    trained[1000:1040] = scored[3][50:90]
    trained[200_000:200_013] = scored[7][:13]
    trained[100:112] = scored[9][:12]  # one short
    made = RunsOfTokens(corpus(scored), 13)
    made.look_through(trained)
    found = made.found()
    assert np.flatnonzero(found[3]).tolist() == list(range(50, 78))
    assert np.flatnonzero(found[7]).tolist() == [0]
    assert sum(int(one.sum()) for one in found) == 29
    assert longest_run(covered(found[3], 13)) == (50, 90)


@given(st.lists(st.booleans(), max_size=15), st.integers(1, 4))
def test_what_is_covered(found, size):
    length = len(found) + size - 1 if found else 0
    wanted = [any(found[max(0, at - size + 1) : at + 1]) for at in range(length)]
    assert covered(np.asarray(found, bool), size).tolist() == wanted


def test_the_longest_stretch():
    assert longest_run([]) == (0, 0)
    assert longest_run([False, False]) == (0, 0)
    assert longest_run([True, False, True, True, False, True, True]) == (2, 4)
