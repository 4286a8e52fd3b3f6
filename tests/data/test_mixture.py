"""Sources joined and mixed, and how long an epoch of a mixture is."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.mixture import (
    Joined,
    Mixture,
    epoch_sizes,
    largest_remainder,
    parts_of,
    text_of,
)
from lmkit.data.rows import Row
from lmkit.recipe.mixture import MixturePart

WEIGHTS = st.decimals("0.001", "1000", places=3).map(float)


class Rows:
    """Texts in memory."""

    def __init__(self, name, *texts):
        self.name, self.texts = name, texts

    def rows(self):
        return (Row({"text": text}, self.name) for text in self.texts)

    def fingerprint(self):
        return repr(self.texts)

    def describe(self):
        return [{"path": self.name}]


def weighted(*weights):
    return [MixturePart(path="x", weight=weight) for weight in weights]


@pytest.mark.parametrize(
    ("weights", "tokens", "shares"),
    [
        ((0.7, 0.3), (100, 100), (0.7, 0.3)),
        ((0.1, 0.2), (1000, 10), (1 / 3, 2 / 3)),  # decimals: exactly 1 to 2
        ((2, 1, 1), (3000, 5, 70), (0.5, 0.25, 0.25)),
    ],
)
def test_shares_of_the_tokens(weights, tokens, shares):
    """Examples of one token each: the shares are those asked for, to the token."""
    sizes = epoch_sizes(weighted(*weights), tokens, tokens)
    assert [size / sum(sizes) for size in sizes] == pytest.approx(shares, abs=1 / sum(sizes))
    assert min(size / count for size, count in zip(sizes, tokens, strict=True)) == 1


@given(
    parts=st.lists(
        st.tuples(WEIGHTS, st.integers(1, 500), st.integers(1, 50)), min_size=1, max_size=6
    )
)
def test_an_epoch_holds_every_part_whole_and_no_more_than_the_shares_need(parts):
    weights, counts, per_example = zip(*parts, strict=True)
    tokens = [count * size for count, size in zip(counts, per_example, strict=True)]
    sizes = epoch_sizes(weighted(*weights), counts, tokens)
    assert all(size >= count for size, count in zip(sizes, counts, strict=True))
    # the exact length, written out: the part that is rarest for its weight is seen once
    rarest = max(total / Fraction(repr(w)) for w, total in zip(weights, tokens, strict=True))
    for weight, size, count, total in zip(weights, sizes, counts, tokens, strict=True):
        exact = Fraction(repr(weight)) * rarest * count / total
        assert abs(size - exact) < 1
    assert any(size == count for size, count in zip(sizes, counts, strict=True))


@given(numbers=st.lists(st.fractions(0, 1000, max_denominator=97), min_size=1, max_size=9))
def test_largest_remainders_sum_to_the_whole(numbers):
    found = largest_remainder(numbers)
    assert sum(found) == round(sum(numbers))
    assert all(abs(a - b) < 1 for a, b in zip(found, numbers, strict=True))


def test_repeats():
    entries = [MixturePart(path="a"), MixturePart(path="b", repeat=3)]
    assert epoch_sizes(entries, [10, 4], [99, 1]) == [10, 12]


def test_rows_one_part_after_another():
    parts = (Rows("train.0", "a", "b"), Rows("train.1", "c"))
    mixture = Mixture("train", parts, tuple(weighted(1, 2)))
    assert [row.values["text"] for row in mixture.rows()] == ["a", "b", "c"]
    assert mixture.describe() == [{"path": "train.0"}, {"path": "train.1"}]
    assert parts_of(mixture) == parts
    assert parts_of(parts[0]) == (parts[0],)
    changed = mixture.with_parts(lambda part: Rows(part.name, "x"))
    assert [row.values["text"] for row in changed.rows()] == ["x", "x"]


def test_weights_are_part_of_the_fingerprint_but_not_of_the_text():
    parts = (Rows("train.0", "a"), Rows("train.1", "b"))
    one, other = (Mixture("train", parts, tuple(weighted(1, w))) for w in (1, 2))
    assert one.fingerprint() != other.fingerprint()
    assert text_of(one).fingerprint() == text_of(other).fingerprint()
    assert text_of(parts[0]) is parts[0]
    assert Joined("v", parts).fingerprint() != Joined("v", parts[::-1]).fingerprint()
