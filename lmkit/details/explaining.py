"""What tasks share whose answers are explained by the tokens of a text.

The file of such a task has `questions`, from texts to what the model is given, and `answers`, from
its logits to what is explained. Shape letters: T tokens, V vocabulary.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lmkit.data.asking import question_by
from lmkit.data.rows import Row
from lmkit.data.tokenizer import start_token_id
from lmkit.errors import DataError, UsageError
from lmkit.recipe.base import TaskOptions
from lmkit.tasks.base import Task


class Question(NamedTuple):
    """A text, as the model is given it."""

    text: str
    batch: dict[str, Tensor]
    """`input_ids` and whatever has their shape, (1, T)."""


class Said(NamedTuple):
    """What a model makes of a text of T tokens."""

    task: Task[Any]
    model: Any
    logits: Tensor
    """(1, ...), as the task's head gives them."""
    tokens: Sequence[str]
    """(T,), as text."""
    tokenizer: PreTrainedTokenizerBase


class Answer(NamedTuple):
    """Something that a model says of a text."""

    name: str
    """A label, an entity and its place, the next token."""
    read: Callable[[Tensor], Tensor]
    """From logits of B texts to the number that it is by, (B,)."""


def rows(
    task: Task[Any], texts: Sequence[str], tokenizer: PreTrainedTokenizerBase
) -> list[Question]:
    """Of a task that answers rows, as `lmkit predict` reads them.

    Raises:
        UsageError: the texts are no rows, or one is longer than the model reads at once.
    """
    made = []
    for number, values in enumerate(task.input_rows(texts), 1):
        row = Row(values, f"text {number}")
        (feature, *more) = task.encode_inputs([row], tokenizer)
        if more:
            raise UsageError(f"{row.origin}: is longer than the model reads at once")
        batch = task.collate([feature])
        kept = {k: v for k, v in batch.items() if v.shape == batch["input_ids"].shape}
        made.append(Question(" | ".join(map(str, row.values.values())), kept))
    return made


def continued(
    options: TaskOptions, texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, longest: int
) -> list[Question]:
    """Of a model that goes on with a text, or answers it by its chat template.

    Args:
        options: of its task.
        texts: the beginnings, or users' messages.
        tokenizer: the model's.
        longest: tokens that it reads; the last ones of a longer text are taken.

    Raises:
        DataError: a text is empty.
    """
    ask, start = question_by(options, tokenizer), start_token_id(tokenizer)
    made = []
    for text in texts:
        plain = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        if not plain:
            raise DataError("--explain: an empty text has no tokens")
        ids = ask(text) if ask else [*([] if start is None else [start]), *plain]
        made.append(Question(text, {"input_ids": torch.tensor([ids[-longest:]])}))
    return made


def messages(
    task: Task[Any], texts: Sequence[str], tokenizer: PreTrainedTokenizerBase
) -> list[Question]:
    """Of a model that answers users' messages, within the tokens of a conversation."""
    return continued(task.options, texts, tokenizer, task.options.max_length)


def next_token(said: Said) -> list[Answer]:
    """The likeliest token after a text, of logits (1, T, V)."""
    (best,) = said.logits[:, -1].argmax(-1).tolist()
    name = f"next {said.tokenizer.decode([best])!r}"
    return [Answer(name, lambda logits: logits[:, -1].log_softmax(-1)[:, best])]
