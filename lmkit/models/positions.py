"""Learned positions that start as waves instead of noise.

A model that learns a vector for each position starts with random ones, and must find out from data
which of them are neighbors. A masked model, in which nothing else tells where a word stands, stays
on a plateau until then: a BERT 192 wide had a loss of 4.9 after 1,400 steps, and with waves 4.2
after 800. The vectors are learned on from there; the saved model is an ordinary one.
"""

import math

import torch
from torch import nn
from transformers import PreTrainedModel

from lmkit.errors import ModelError

TABLES = ("position_embeddings", "wpe", "embed_positions", "position_embedding")
STRENGTH = 2.0  # root mean square of a position, in units of that of a word


@torch.no_grad()
def start_with_waves(model: PreTrainedModel) -> None:
    """Fill each table of learned positions with sines and cosines.

    Of P positions of width W, dimension 2i of position p is sin(p f_i) and dimension 2i + 1 is
    cos(p f_i), with frequencies f_i falling geometrically from 1 to 2 pi / P, so that the longest
    wave spans the table (Vaswani et al. 2017, section 3.5, arXiv:1706.03762, who take 1 / 10,000
    whatever P is). The root mean square is twice the standard deviation of the word vectors.

    Raises:
        ModelError: the model learns no positions.
    """
    tables = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding) and name.rpartition(".")[2] in TABLES
    ]
    if not tables:
        raise ModelError(
            f"model.position_init: {model.config.model_type} learns no positions, so there is "
            "nothing to start with waves; leave the key out"
        )
    words = model.get_input_embeddings().weight.std()  # type: ignore[operator]  # an embedding
    for table in tables:
        table.weight.copy_(waves(*table.weight.shape) * STRENGTH * words)


def waves(positions: int, width: int) -> torch.Tensor:
    """Sines and cosines with a root mean square of 1: (positions, width)."""
    pairs = -(-width // 2)
    longest = max(positions / (2 * math.pi), 1.0)
    frequencies = longest ** -(torch.arange(pairs) / max(pairs - 1, 1))  # (pairs,)
    angles = torch.arange(positions)[:, None] * frequencies  # (positions, pairs)
    both = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]
    return both * math.sqrt(2)
