"""Runs of text found in random batches, against a loop over their tokens."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from lmkit.models.lstm_runs import find_runs

TOKENS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=5, max_size=5)


def by_loop(mask, positions):
    """Each run as its row, its columns, and whether it opens and closes its row."""
    runs = []
    for row, (kept, places) in enumerate(zip(mask.tolist(), positions.tolist(), strict=True)):
        found, before = [], None
        for column, (keep, place) in enumerate(zip(kept, places, strict=True)):
            if not keep:
                continue
            if before is None or place != before + 1:
                found.append([])
            found[-1].append(column)
            before = place
        for number, columns in enumerate(found):
            runs.append((row, columns, number == 0, number == len(found) - 1))
    return runs


@given(st.lists(TOKENS, min_size=1, max_size=4), st.booleans())
def test_runs_are_those_that_a_loop_finds(drawn, alike):
    mask = torch.tensor([[int(real) for real, _ in row] for row in drawn])
    positions = torch.zeros_like(mask)
    for row, tokens in enumerate(drawn):
        place = -1
        for column, (real, begins) in enumerate(tokens):
            place = 0 if begins else place + real
            positions[row, column] = place if real else 0
    groups = find_runs(mask, positions, alike=alike)
    expected = by_loop(mask, positions)
    whole = len(expected) == len(drawn) and bool(mask.all())
    assert (groups is None) == whole
    found = []
    for group in groups or []:
        sizes = group.lengths.tolist()
        assert max(sizes) == group.tokens.shape[1]
        assert max(sizes) < 2 * min(sizes) if not alike else len(set(sizes)) == 1
        assert group.real().sum(1).tolist() == sizes
        for number, size in enumerate(sizes):
            tokens = group.tokens[number].tolist()
            assert tokens[size:] == [tokens[size - 1]] * (len(tokens) - size)
            row = int(group.rows[number])
            columns = [token - 5 * row for token in tokens[:size]]
            found.append((row, columns, bool(group.opens[number]), bool(group.closes[number])))
    if not whole:
        assert sorted(found) == sorted(expected)


def test_without_mask_and_positions_every_row_is_one_run():
    assert find_runs(None, None, alike=True) is None
    assert find_runs(torch.ones(2, 3), torch.arange(3).expand(2, 3), alike=False) is None
    assert find_runs(torch.zeros(2, 3), None, alike=False) == []
