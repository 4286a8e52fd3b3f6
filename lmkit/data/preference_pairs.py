"""Pairs of answers to one prompt as token ids, the preferred one first.

Shape letters: N pairs, I token ids of one side, L inputs of one sequence.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lmkit.data.chat_template import ChatTemplate
from lmkit.data.conversations import Message, check_messages, messages_of
from lmkit.data.rows import Row, column
from lmkit.data.tokenizer import end_token_id, start_token_id
from lmkit.errors import DataError
from lmkit.labels import IGNORED
from lmkit.recipe.options.preference import PreferenceOptions

logger = logging.getLogger(__name__)

SIDES = ("chosen", "rejected")


class Choice(NamedTuple):
    """A prompt and its two answers, as messages."""

    prompt: list[Message]
    chosen: Message
    rejected: Message


@dataclass(frozen=True)
class Side:
    """One answer to each of N prompts, the prompt before it."""

    ids: NDArray[np.uint32]
    """(I,)"""
    offsets: NDArray[np.int64]
    """Where each sequence begins, and the end of the last, (N + 1,)."""
    prompts: NDArray[np.int64]
    """Tokens of each prompt, (N,)."""

    def features(self, index: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Inputs and aligned labels of one sequence, each (L,); only the answer is predicted."""
        ids = self.ids[self.offsets[index] : self.offsets[index + 1]].astype(np.int64)
        labels = ids[1:].copy()
        labels[: self.prompts[index] - 1] = IGNORED
        return ids[:-1], labels


@dataclass(frozen=True)
class Pairs:
    """N pairs, in the order of their rows; the same in every epoch."""

    chosen: Side
    rejected: Side
    cut: int
    """Pairs of which something was cut off."""
    undecided: int
    """Rows that are left out because within the limit both answers are the same."""
    reference: NDArray[np.float64] | None = None
    """(N, 2) nats: the reference model's log-probability of either answer; None counts as 0."""
    places: tuple[int, ...] = ()
    """The row that each pair was, (N,)."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Inputs of the longer sequence of each pair, (N,)."""
        chosen, rejected = (np.diff(side.offsets) - 1 for side in (self.chosen, self.rejected))
        longer: NDArray[np.int64] = np.maximum(chosen, rejected)
        return longer

    def __len__(self) -> int:
        return len(self.chosen.prompts)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """The example for (epoch, index): ids and labels of either side, and `labels`: one pair."""
        index = key[1]
        found: dict[str, Any] = {"labels": 1}
        for number, name in enumerate(SIDES):
            ids, labels = getattr(self, name).features(index)
            scored = 0.0 if self.reference is None else float(self.reference[index, number])
            found |= {name: ids, f"{name}_labels": labels, f"{name}_reference": scored}
        return found

    def scored(self, reference: NDArray[np.float64]) -> "Pairs":
        """The same pairs with the reference's log-probabilities (N, 2)."""
        return replace(self, reference=reference)

    def answer_lengths(self) -> NDArray[np.int64]:
        """Tokens of either answer, (N, 2)."""
        sides = (self.chosen, self.rejected)
        return np.stack([np.diff(side.offsets) - side.prompts for side in sides], axis=1)

    def counts(self) -> dict[str, int]:
        """What became of the rows, for the ledger."""
        tokens = len(self.chosen.ids) + len(self.rejected.ids) - 2 * len(self)
        return {
            "examples": len(self), "cut": self.cut, "undecided": self.undecided, "tokens": tokens
        }  # fmt: skip


def choice(row: Row, options: PreferenceOptions) -> Choice:
    """The prompt and the two answers of a row.

    Raises:
        DataError: a column is missing or empty, the turns are out of order, or both answers are
            the same.
    """
    names = {"chosen": options.chosen_column, "rejected": options.rejected_column}
    answers = {
        side: messages_of(row, name)
        if isinstance(row.values.get(name), list)
        else [{"role": "assistant", "content": column(row, name)}]
        for side, name in names.items()
    }
    asked = row.values.get(options.prompt_column)
    if isinstance(asked, list):
        prompt = messages_of(row, options.prompt_column)
    elif all(len(found) > 1 for found in answers.values()):
        prompt = []  # each list holds it
    else:
        prompt = [{"role": "user", "content": column(row, options.prompt_column)}]
    chosen, rejected = ([*prompt, *answers[side]] for side in SIDES)
    if chosen[:-1] != rejected[:-1]:
        raise DataError(
            f"{row.origin}: `{names['chosen']}` and `{names['rejected']}` answer other messages; "
            "only the last one may differ"
        )
    if chosen == rejected:
        raise DataError(
            f"{row.origin}: `{names['chosen']}` and `{names['rejected']}` are equal, so there is "
            "nothing to prefer; leave the row out"
        )
    for messages in (chosen, rejected):
        check_messages(row, messages)
        if messages[-1]["role"] != "assistant":
            raise DataError(f"{row.origin}: the last message is no answer of the assistant")
    return Choice(chosen[:-1], chosen[-1], rejected[-1])


def encode_pairs(
    rows: Iterable[Row],
    tokenizer: PreTrainedTokenizerBase,
    template: ChatTemplate | None,
    options: PreferenceOptions,
) -> Pairs:
    """Read and encode all rows.

    Args:
        rows: read once.
        tokenizer: the model's.
        template: None puts prompt and answer one behind the other.
        options: the columns and the limits.

    Raises:
        DataError: a row holds no choice, or one that the template does not take.
    """
    sides: list[list[tuple[list[int], list[int]]]] = [[], []]
    cut = undecided = 0
    places = []
    for number, row in enumerate(rows):
        found = choice(row, options)
        if template is not None:
            prompt = template.prefix(found.prompt, row.origin)
            answers = [template.answer(found.prompt, each, row.origin) for each in found[1:]]
        else:
            prompt, answers = _plain(found, tokenizer, row)
        short, ends = _shortened(prompt, answers, options)
        if ends[0] == ends[1]:
            undecided += 1
            continue
        cut += len(short) < len(prompt) or ends != answers
        places.append(number)
        for side, end in zip(sides, ends, strict=True):
            side.append((short, end))
    chosen, rejected = map(_side, sides)
    return Pairs(chosen, rejected, cut, undecided, places=tuple(places))


def tell_pairs(pairs: Pairs, name: str, limit: int) -> None:
    """Say what the limit left out and cut off.

    Args:
        pairs: of a split.
        name: the split.
        limit: `max_length`.

    Raises:
        DataError: it left nothing.
    """
    rows = len(pairs) + pairs.undecided
    if rows and not len(pairs):
        raise DataError(
            f"{name} data: within task.max_length ({limit} tokens) the answers of none of {rows} "
            "pairs differ; raise it"
        )
    if pairs.undecided:
        logger.warning(
            "%d of the %d %s pairs are left out: within %d tokens (task.max_length) their answers "
            "are the same", pairs.undecided, rows, name, limit,
        )  # fmt: skip
    if pairs.cut:
        share = 100 * pairs.cut / len(pairs)
        logger.info("%.3g %% of the %s pairs are cut at %d tokens", share, name, limit)


def _plain(
    found: Choice, tokenizer: PreTrainedTokenizerBase, row: Row
) -> tuple[list[int], list[list[int]]]:
    """Ids of a prompt, and of two answers with the end token, without a template."""
    if len(found.prompt) > 1:
        raise DataError(
            f"{row.origin}: holds messages, and the tokenizer has no chat template; name one: "
            "task.chat_template: chatml, or a Jinja file"
        )

    def encode(text: str) -> list[int]:
        return list(map(int, tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]))

    text = str(found.prompt[0]["content"])
    begin = start_token_id(tokenizer)
    head = list(map(int, tokenizer(text, verbose=False)["input_ids"]))[:1]
    start = [begin] if begin is not None and head == [begin] else []
    prompt = [*start, *encode(text)]
    answers = []
    for message in found[1:]:
        whole = [*start, *encode(text + str(message["content"]))]
        apart = whole[: len(prompt)] != prompt
        own = encode(str(message["content"])) if apart else whole[len(prompt) :]
        answers.append([*own, end_token_id(tokenizer)])
    return prompt, answers


def _shortened(
    prompt: list[int], answers: list[list[int]], options: PreferenceOptions
) -> tuple[list[int], list[list[int]]]:
    """The prompt without its beginning, then the answers without their ends, within the limit."""
    limit = options.max_length
    over = len(prompt) + max(map(len, answers)) - limit
    if over > 0:
        least = min(options.max_prompt_length or limit // 2, limit - 1)
        prompt = prompt[-max(least, len(prompt) - over) :]
    return prompt, [answer[: limit - len(prompt)] for answer in answers]


def _side(sequences: Sequence[tuple[list[int], list[int]]]) -> Side:
    flat = [np.asarray([*prompt, *answer], dtype=np.uint32) for prompt, answer in sequences]
    return Side(
        ids=np.concatenate([np.zeros(0, np.uint32), *flat]),
        offsets=np.cumsum([0, *map(len, flat)], dtype=np.int64),
        prompts=np.asarray([len(prompt) for prompt, _ in sequences], dtype=np.int64),
    )
