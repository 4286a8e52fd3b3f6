"""Texts that a model writes while it is trained, from the same beginnings at each evaluation.

Greedy: nothing is drawn, so that training goes on as if none had been written. What a task begins
with is told by `sample` in its file here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lmkit.details import module_of
from lmkit.evaluation.scoring import evaluating
from lmkit.generation.answering import write_answers, write_on
from lmkit.labels import IGNORED
from lmkit.tasks.base import Examples, Features, Task, TokenTask

BEGINNING = 16
"""Tokens of a text that a model goes on from."""
LENGTH = 48
"""Tokens that it writes."""
PIECE = 64
"""Tokens of a text whose hidden words are filled in."""


@dataclass(frozen=True)
class Sample:
    """What a model is given, and what really follows."""

    given: list[int]
    """Token ids."""
    wanted: list[int]
    """Token ids of what follows; of a text with hidden tokens the whole text."""
    hidden: list[int]
    """The places of `given` that are to be filled in; empty where a model goes on writing."""


def samples_of(task: Task[Any], examples: Examples, count: int) -> list[Sample]:
    """Up to `count` samples, spread evenly over the examples of a split as they are scored."""
    module = module_of(task.options.name)
    count = min(count, len(examples))
    chosen = [examples[0, place * len(examples) // count] for place in range(count)]
    return [sample for features in chosen if (sample := module.sample(features)) is not None]


def write_samples(
    task: Task[Any],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    samples: Sequence[Sample],
) -> list[str]:
    """A text for each sample; the model is left as it was, attached and in its training mode."""
    assert isinstance(task, TokenTask), "its options say that it shows texts"
    given = [sample.given for sample in samples]
    with evaluating(model), task.with_logits():
        if any(sample.hidden for sample in samples):
            return [_filled(model, tokenizer, sample) for sample in samples]
        if model.config.is_encoder_decoder:
            return write_answers(model, tokenizer, given, max_new_tokens=LENGTH, num_beams=1)
        return write_on(model, tokenizer, given, max_new_tokens=LENGTH)


def _filled(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sample: Sample) -> str:
    """The text with the likeliest token in each hidden place."""
    ids = torch.tensor([sample.given], device=model.device)  # (1, T)
    logits = model(input_ids=ids).logits[0, sample.hidden]  # (hidden, V)
    ids[0, sample.hidden] = logits.argmax(-1)
    return text_of(tokenizer, ids[0].tolist())


def text_of(
    tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], *, special: bool = False
) -> str:
    """The text of token ids, with the special ones or without."""
    text = tokenizer.decode(list(ids), skip_special_tokens=not special)
    assert isinstance(text, str)
    return text


def beginning(ids: Sequence[int]) -> Sample | None:
    """The first tokens of a text, and what follows them; None of a text of one token."""
    if len(ids) < 2:
        return None
    cut = min(BEGINNING, (len(ids) + 1) // 2)
    return Sample(list(ids[:cut]), list(ids[cut : cut + LENGTH]), [])


def answer(features: Features, side: str = "input_ids", labels: str = "labels") -> Sample | None:
    """What stands before the first answer of an example, and the answer; None without one.

    Args:
        features: ids and aligned labels, each (L,).
        side: the name of the ids.
        labels: of the labels.
    """
    targets = np.asarray(features[labels])
    places = np.flatnonzero(targets != IGNORED)
    if not len(places):
        return None
    first = int(places[0])
    if not first:  # everything is learned, and nothing is asked
        return beginning(np.asarray(features[side]).tolist())
    ends = np.flatnonzero(targets[first:] == IGNORED)
    wanted = targets[first:][: int(ends[0]) if len(ends) else None]
    given = np.asarray(features[side])[: first + 1].tolist()
    return Sample(given, wanted[:LENGTH].tolist(), [])
