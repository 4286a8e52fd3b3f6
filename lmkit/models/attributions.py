"""What in a text a model's answer comes from: integrated gradients, with how far they fall short.

The attribution of a token is the integral of the gradient along the straight line from a baseline
text's embeddings to its own, times their difference; summed over all tokens it is the difference
between the answers to the two texts (completeness; Sundararajan et al. 2017, section 3,
arXiv:1703.01365). What is missing of that sum is the error of the numerical integral, and told.
Through captum (Kokhlikyan et al. 2020, arXiv:2009.07896). T tokens of a text.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lmkit.errors import ModelError

STEPS = (64, 256, 1024)
"""Points of the integral, more of them while the error is too large."""
ERROR = 0.01
"""Of the difference, that is small enough."""
_AT_ONCE = 32  # points in one forward pass


@dataclass(frozen=True)
class Attributions:
    """Of one answer to one text."""

    tokens: list[float]
    """What each of the T tokens adds to the answer, in its unit."""
    value: float
    """The answer to the text."""
    baseline: float
    """The answer to the baseline."""
    error: float
    """The sum of `tokens` less the difference of the two answers."""
    steps: int
    """Points of the integral."""


def integrated_gradients(
    model: PreTrainedModel,
    answer: Callable[[Mapping[str, Tensor]], Tensor],
    batch: Mapping[str, Tensor],
    baseline: Tensor,
) -> Attributions:
    """Attributions of the tokens of one text.

    Args:
        model: without dropout (`eval`).
        answer: from a batch (B, T) to the number that is explained, (B,).
        batch: of one text: `input_ids` (1, T), and whatever else `answer` needs.
        baseline: token ids of the text it is held against, (1, T).

    Raises:
        ModelError: the model has no table of embeddings, or is not asked through it.
    """
    attr: Any = importlib.import_module("captum.attr")
    others = {key: value for key, value in batch.items() if key != "input_ids"}

    def asked(ids: Tensor, *values: Tensor) -> Tensor:
        return answer({"input_ids": ids, **dict(zip(others, values, strict=True))})

    table = model.get_input_embeddings()
    with torch.no_grad():
        value, before = (
            float(asked(ids, *others.values())) for ids in (batch["input_ids"], baseline)
        )
    method = attr.LayerIntegratedGradients(asked, table)
    for steps in STEPS:
        try:
            found = method.attribute(
                batch["input_ids"], baseline, additional_forward_args=tuple(others.values()),
                n_steps=steps, internal_batch_size=_AT_ONCE,
            )  # fmt: skip
        except (AssertionError, RuntimeError, KeyError) as error:
            told = " ".join(str(error).split())[:200]
            raise ModelError(
                f"{model.config.model_type}: its tokens cannot be attributed to: {told}"
            ) from error
        tokens = found.sum(-1)[0].double()  # (T,)
        error_left = float(tokens.sum()) - (value - before)
        if abs(error_left) <= ERROR * max(abs(value - before), ERROR):
            break
    return Attributions(tokens.tolist(), value, before, error_left, steps)
