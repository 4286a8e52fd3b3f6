"""Recurrent layers in torch's fused kernels, with the dropouts of language models.

Shape letters: n sequences that start at their first column, L columns, E width of the input, H
width of a state, W of the output (H, or 2 H in two directions).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmkit.models.lstm_config import LSTMConfig
from lmkit.models.lstm_states import State, zero_state

KINDS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


class LockedDropout(nn.Module):
    """Dropout of (n, L, W) that, where locked, drops the same places in every column."""

    def __init__(self, share: float, *, locked: bool) -> None:
        super().__init__()
        self.share, self.locked = share, locked

    def forward(self, states: Tensor) -> Tensor:
        """The states with some places zero and the others larger, while training."""
        if not (self.training and self.share):
            return states
        if not self.locked:
            return functional.dropout(states, self.share)
        kept = torch.ones_like(states[:, :1])  # (n, 1, W)
        return states * functional.dropout(kept, self.share)


class Reader(nn.Module):
    """One layer in one direction."""

    def __init__(self, config: LSTMConfig, width: int) -> None:
        super().__init__()
        self.cell = config.cell
        self.share = config.recurrent_dropout
        self.weights = KINDS[config.cell](width, config.hidden_size, batch_first=True)

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """(n, L, E) to (n, L, H) and the state after the last column."""
        module = self.weights
        if state is None:
            state = zero_state(len(inputs), module.hidden_size, self.cell, inputs)
        hidden = tuple(part.to(inputs.dtype)[None] for part in state)  # (1, n, H) each
        given: Any = hidden if self.cell == "lstm" else hidden[0]
        if self.training and self.share:
            outputs, *after = self._thinned(inputs, given)
        else:
            outputs, last = module(inputs, given)
            after = list(last) if self.cell == "lstm" else [last]
        return outputs, tuple(part[0] for part in after)

    def _thinned(self, inputs: Tensor, given: Any) -> tuple[Tensor, ...]:
        """As the module does, with some of the weights from state to state left out."""
        module: Any = self.weights
        weights = [
            module.weight_ih_l0,
            functional.dropout(module.weight_hh_l0, self.share),
            module.bias_ih_l0,
            module.bias_hh_l0,
        ]
        run: Any = torch.lstm if self.cell == "lstm" else torch.gru
        # has_biases, num_layers, dropout, train, bidirectional, batch_first
        found: tuple[Tensor, ...] = run(inputs, given, weights, True, 1, 0.0, True, False, True)
        return found


class Stack(nn.Module):
    """All layers, each above the other, in one direction or two."""

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        widths = [config.embedding_size, *[config.output_size] * (config.num_layers - 1)]
        self.rightward = nn.ModuleList(Reader(config, width) for width in widths)
        self.leftward = nn.ModuleList(
            Reader(config, width) for width in widths if config.bidirectional
        )
        self.between = LockedDropout(config.hidden_dropout, locked=config.locked_dropout)

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, states: list[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """(n, L, E) to (n, L, W), and of each layer the left-to-right state after column L.

        Args:
            inputs: each sequence from its first column on.
            lengths: (n,) tokens of each sequence; None where all have L.
            states: of each layer, to go on from.
        """
        after = []
        for number, reader in enumerate(self.rightward):
            if number:
                inputs = self.between(inputs)
            outputs, state = reader(inputs, None if states is None else states[number])
            after.append(state)
            if len(self.leftward):
                other, _ = self.leftward[number](mirrored(inputs, lengths))
                outputs = torch.cat([outputs, mirrored(other, lengths)], -1)
            inputs = outputs
        return inputs, after


def mirrored(states: Tensor, lengths: Tensor | None) -> Tensor:
    """(n, L, W) with the tokens of each sequence in reverse, and its padding where it is."""
    if lengths is None:
        return states.flip(1)
    places = torch.arange(states.shape[1], device=states.device).expand(states.shape[:2])
    last = lengths[:, None] - 1
    turned = torch.where(places <= last, last - places, places)
    return states.gather(1, turned[..., None].expand_as(states))
