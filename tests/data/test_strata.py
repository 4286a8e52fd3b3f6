"""Each label its share, and as few texts as can be on the other side than their hash says."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.rows import Row, digest
from lmkit.data.strata import even_out, labeled_places, place

SPACE = 1000
PLACES = st.lists(st.tuples(st.integers(0, SPACE - 1), st.integers(0, 3)), min_size=1, max_size=80)


class Listed:
    name = "train"

    def __init__(self, *rows):
        self.given = rows

    def rows(self):
        for number, (text, label) in enumerate(self.given, start=1):
            yield Row({"text": text, "label": label}, f"d:{number}")


def sides(drawn, threshold, part):
    """For each label the distinct places held out and not, after evening out."""
    places = np.array([at for at, _ in drawn], np.uint64)
    labels = np.array([label for _, label in drawn], np.int64)
    moved = even_out(places, labels, threshold, part)
    owner = {}
    for at, label in drawn:
        owner.setdefault(at, label)
    found = {label: ([], []) for label in owner.values()}
    for at, label in owner.items():
        found[label][(at < threshold) != (at in moved)].append(at)
    return found, moved


@given(drawn=PLACES, part=st.floats(0.05, 0.6))
def test_each_label_has_its_share_and_no_more_moves_than_must(drawn, part):
    threshold = round(part * SPACE)
    found, moved = sides(drawn, threshold, part)
    if all(len(kept) + len(held) == 1 for kept, held in found.values()):
        assert not moved
        return
    for kept, held in found.values():
        count = len(kept) + len(held)
        by_hash = sum(at < threshold for at in (*kept, *held))
        assert kept  # every label is trained on
        assert len(held) >= min(1, count - 1)
        if count > 1 and abs(by_hash - part * count) <= 0.2 * part * count and 0 < by_hash < count:
            assert not moved & {*kept, *held}  # near enough: nothing moves
        elif held:
            assert abs(len(held) - part * count) <= max(1.0, 0.2 * part * count + 1)
            assert max(held) < min(kept)  # what is held out is still what is lowest


def test_what_is_near_enough_stays_when_the_data_grow():
    random = np.random.default_rng(0)
    places = random.integers(0, 2**64, 4000, dtype=np.uint64)
    labels = np.zeros(4000, np.int64)
    threshold = round(0.1 * 2**64)
    assert even_out(places, labels, threshold, 0.1) == frozenset()
    assert even_out(places[:3000], labels[:3000], threshold, 0.1) == frozenset()


def test_equal_texts_go_together_whatever_their_labels():
    places = np.array([1, 1, 1, 500, 600, 700], np.uint64)
    labels = np.array([0, 1, 1, 0, 1, 1], np.int64)
    moved = even_out(places, labels, 100, 0.5)
    held = {at for at in {1, 500, 600, 700} if (at < 100) != (at in moved)}
    assert held == {1, 600}  # label 0 owns place 1; label 1 gets one of its two


def test_places_are_counted_from_either_end():
    row = Row({"text": "a"}, "d:1")
    assert place(row, "text", False) == digest(row, "text")
    assert place(row, "text", True) == 2**64 - 1 - digest(row, "text")
    places, labels = labeled_places(
        Listed(("a", "x"), ("b", "y"), ("c", "x")), "text", "label", False
    )
    assert labels.tolist() == [0, 1, 0]
    assert places[0] == digest(row, "text")
    _, labels = labeled_places(Listed(("a", "x"), ("b", None)), "text", "label", False)
    assert labels.tolist() == [0, 1]  # it is the task that refuses the row
