"""The cache of states: rows of it are picked, repeated and forgotten."""

import torch

from lmkit.models.lstm_states import RecurrentCache, zero_state


def filled():
    cache = RecurrentCache(2)
    hidden = torch.arange(6.0).view(3, 2)
    cache.put([(hidden, hidden + 10), (hidden + 20, hidden + 30)], 4)
    return cache, hidden


def test_states_come_out_as_they_were_put():
    cache, hidden = filled()
    (first, second) = cache.states()
    assert torch.equal(first[1], hidden + 10)
    assert torch.equal(second[0], hidden + 20)
    assert cache.get_seq_length() == 4
    cache.put([first, second], 1)
    assert cache.get_seq_length() == 5
    assert cache.get_max_length() == -1
    assert not cache.is_compileable
    assert not cache.is_croppable


def test_rows_are_picked_as_of_any_cache():
    cache, hidden = filled()
    cache.reorder_cache(torch.tensor([2, 2, 0]))
    assert torch.equal(cache.states()[0][0], hidden[[2, 2, 0]])
    assert torch.equal(cache.states()[1][1], hidden[[2, 2, 0]] + 30)
    cache.batch_select_indices(torch.tensor([1]))
    assert torch.equal(cache.states()[0][0], hidden[[2]])
    cache.batch_repeat_interleave(3)
    assert torch.equal(cache.states()[0][1], hidden[[2, 2, 2]] + 10)


def test_a_new_one_and_a_reset_one_hold_nothing():
    cache, _ = filled()
    cache.reset()
    for empty in (cache, RecurrentCache(2)):
        assert empty.states() is None
        assert empty.get_seq_length() == 0


def test_a_gru_has_no_cell_and_no_gradient_is_kept():
    cache = RecurrentCache(1)
    hidden = torch.ones(3, 2, requires_grad=True)
    cache.put([(hidden * 2,)], 1)
    cache.reorder_cache(torch.tensor([0, 1]))
    (state,) = cache.states()
    assert len(state) == 1
    assert state[0].shape == (2, 2)
    assert not state[0].requires_grad
    assert [part.shape for part in zero_state(3, 4, "gru", hidden)] == [(3, 4)]
