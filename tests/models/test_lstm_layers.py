"""Layers against the formulas written out, and against torch's own stacks."""

import pytest
import torch
from torch import nn

from lmkit.models.lstm_config import LSTMConfig
from lmkit.models.lstm_layers import LockedDropout, Reader, Stack, mirrored

SIZES = {"embedding_size": 5, "hidden_size": 4}


def config(**keys):
    return LSTMConfig(vocab_size=10, **SIZES | keys)


def by_formula(cell, weights, inputs):
    """Outputs (n, L, H), gate by gate: the equations of torch.nn.LSTM and torch.nn.GRU."""
    w_in, w_state = weights.weight_ih_l0, weights.weight_hh_l0
    hidden = memory = inputs.new_zeros(len(inputs), w_state.shape[1])
    found = []
    for column in inputs.unbind(1):
        given = column @ w_in.T + weights.bias_ih_l0
        own = hidden @ w_state.T + weights.bias_hh_l0
        if cell == "lstm":
            enter, forget, new, out = (given + own).chunk(4, -1)
            memory = forget.sigmoid() * memory + enter.sigmoid() * new.tanh()
            hidden = out.sigmoid() * memory.tanh()
        else:
            (r_in, z_in, n_in), (r_own, z_own, n_own) = given.chunk(3, -1), own.chunk(3, -1)
            keep = (z_in + z_own).sigmoid()
            new = (n_in + (r_in + r_own).sigmoid() * n_own).tanh()
            hidden = (1 - keep) * new + keep * hidden
        found.append(hidden)
    return torch.stack(found, 1), hidden, memory


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@torch.no_grad()
def test_a_layer_is_its_formula(cell):
    reader, inputs = Reader(config(cell=cell), 5), torch.randn(3, 7, 5)
    outputs, state = reader(inputs)
    expected, hidden, memory = by_formula(cell, reader.weights, inputs)
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(state[0], hidden)
    if cell == "lstm":
        torch.testing.assert_close(state[1], memory)
    first, between = reader(inputs[:, :3])
    second, _ = reader(inputs[:, 3:], between)
    torch.testing.assert_close(torch.cat([first, second], 1), expected)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@torch.no_grad()
def test_a_stack_is_torch_s(cell, both):
    """Two layers, in one or two directions, texts of unlike lengths: packed for torch."""
    stack = Stack(config(cell=cell, bidirectional=both)).eval()
    kind = nn.LSTM if cell == "lstm" else nn.GRU
    theirs = kind(5, 4, num_layers=2, batch_first=True, bidirectional=both)
    for number in range(2):
        for ending, readers in (("", stack.rightward), ("_reverse", stack.leftward)):
            for name, weight in readers[number].weights.named_parameters() if len(readers) else ():
                getattr(theirs, f"{name[:-1]}{number}{ending}").copy_(weight)
    inputs, lengths = torch.randn(4, 6, 5), torch.tensor([6, 1, 4, 3])
    packed = nn.utils.rnn.pack_padded_sequence(
        inputs, lengths, batch_first=True, enforce_sorted=False
    )
    expected, _ = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
    outputs, _ = stack(inputs, lengths)
    real = torch.arange(6) < lengths[:, None]
    torch.testing.assert_close(outputs[real], expected[real])
    torch.testing.assert_close(stack(inputs)[0], theirs(inputs)[0])


def test_recurrent_dropout_thins_the_weights_from_state_to_state():
    """With all but nothing dropped it is the layer; the first token, without a state, is spared."""
    torch.manual_seed(0)
    reader, inputs = Reader(config(recurrent_dropout=0.5), 5).train(), torch.randn(3, 6, 5)
    whole = reader.eval()(inputs)[0]
    thinned = [reader.train()(inputs)[0] for _ in range(2)]
    for found in thinned:
        torch.testing.assert_close(found[:, 0], whole[:, 0])
        assert (found[:, 1] - whole[:, 1]).abs().max() > 1e-3
    assert not torch.equal(*thinned)
    reader.share = 1e-9
    torch.testing.assert_close(reader(inputs)[0], whole)
    reader(inputs)[0].sum().backward()
    assert reader.weights.weight_hh_l0.grad.abs().sum() > 0


def test_locked_dropout_drops_the_same_places_in_every_column():
    ones = torch.ones(50, 6, 40)
    locked, free = (LockedDropout(0.3, locked=way) for way in (True, False))
    found = locked(ones)
    assert torch.equal(found, found[:, :1].expand_as(found))
    assert found.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert found.mean() == pytest.approx(1, abs=0.1)
    assert not torch.equal(free(ones), free(ones)[:, :1].expand_as(ones))
    assert torch.equal(locked.eval()(ones), ones)


def test_a_mirror_leaves_padding_where_it_is():
    states = torch.arange(8.0).view(2, 4, 1)
    assert mirrored(states, torch.tensor([4, 2])).flatten().tolist() == [3, 2, 1, 0, 5, 4, 6, 7]
    assert torch.equal(mirrored(states, None), states.flip(1))
