"""Conversations as token ids in flat arrays, with the tokens that are to be predicted.

Shape letters: N conversations, I token ids of all of them, L inputs of one, T places of a block.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmkit.data.best_fit import best_fit, stable_order
from lmkit.data.chat_template import ChatTemplate, Tokens
from lmkit.data.conversations import conversation
from lmkit.data.encoded import CHUNK, chunks
from lmkit.data.rows import Row
from lmkit.labels import IGNORED, SEGMENTS
from lmkit.recipe.options.chat import ChatOptions


@dataclass(frozen=True)
class Answers:
    """N conversations, in the order of their rows; the same in every epoch."""

    ids: NDArray[np.uint32]
    """The token ids of one conversation after the other, (I,)."""
    predicted: NDArray[np.bool_]
    """Which of them are predicted, (I,)."""
    offsets: NDArray[np.int64]
    """Where each conversation begins, and the end of the last, (N + 1,)."""
    cut: int
    """Conversations that lost their end to the limit."""
    unanswered: int
    """Rows that are left out because no token that is predicted was left."""
    places: tuple[int, ...] = ()
    """The row that each conversation was, (N,)."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Inputs of each conversation, (N,): its tokens but the last."""
        return np.diff(self.offsets) - 1

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """`input_ids` and `labels`, each (L,), of the example for (epoch, index), and `length`."""
        first, end = self.offsets[key[1]], self.offsets[key[1] + 1]
        ids = self.ids[first:end].astype(np.int64)
        labels = np.where(self.predicted[first + 1 : end], ids[1:], IGNORED)
        return {"input_ids": ids[:-1], "labels": labels, "length": len(labels)}

    def counts(self) -> dict[str, int]:
        """What became of the rows, for the ledger."""
        return {
            "examples": len(self),
            "cut": self.cut,
            "unanswered": self.unanswered,
            "tokens": int(self.lengths.sum()),
            "predicted": int(self.predicted.sum()),
        }


class PackedAnswers:
    """Whole conversations, several in a block of T places, that do not see one another."""

    def __init__(self, answers: Answers, size: int) -> None:
        """Put each conversation where it leaves the least room (`best_fit`).

        Args:
            answers: none longer than `size`.
            size: T.
        """
        self.answers = answers
        places = answers.lengths
        blocks = best_fit(places, size) if len(places) else np.zeros(0, np.int64)
        count = int(blocks.max()) + 1 if len(blocks) else 0
        self._order = stable_order(blocks, count)
        self._ends = np.cumsum(np.bincount(blocks, minlength=count))
        self.lengths = np.bincount(blocks, weights=places, minlength=count).astype(np.int64)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """`input_ids`, `labels` and `segments` of a block, each (L,)."""
        epoch, index = key
        first = int(self._ends[index - 1]) if index else 0
        parts = [self.answers[epoch, int(i)] for i in self._order[first : self._ends[index]]]
        joined = {
            name: np.concatenate([part[name] for part in parts]) for name in ("input_ids", "labels")
        }
        sizes = [part["length"] for part in parts]
        return {**joined, SEGMENTS: np.repeat(np.arange(1, len(parts) + 1), sizes)}

    def counts(self) -> dict[str, int]:
        """What became of the rows, and the `blocks` that they fill."""
        counts = self.answers.counts()
        return {"examples": len(self), "conversations": counts.pop("examples"), **counts}


def encode_answers(rows: Iterable[Row], template: ChatTemplate, options: ChatOptions) -> Answers:
    """Read and encode all rows, holding no text but that of a chunk.

    Args:
        rows: read once.
        template: of the tokenizer.
        options: the columns, the limit, and what is predicted.

    Raises:
        DataError: a row holds no conversation, or one that the template does not take.
    """
    ids, predicted, lengths = [np.zeros(0, np.uint32)], [np.zeros(0, np.bool_)], [0]
    cut = unanswered = 0
    places = []
    for start, chunk in enumerate(chunks(rows, CHUNK)):
        read = [(conversation(row, options), row.origin) for row in chunk]
        for place, tokens in enumerate(template.encode(read), start * CHUNK):
            flags = wanted(tokens, options.train_on)[: options.max_length]
            if not flags[1:].any():
                unanswered += 1
                continue
            cut += len(tokens.ids) > len(flags)
            places.append(place)
            ids.append(np.asarray(tokens.ids[: len(flags)], dtype=np.uint32))
            predicted.append(flags)
            lengths.append(len(flags))
    return Answers(
        ids=np.concatenate(ids),
        predicted=np.concatenate(predicted),
        offsets=np.cumsum(lengths, dtype=np.int64),
        cut=cut,
        unanswered=unanswered,
        places=tuple(places),
    )


def wanted(tokens: Tokens, train_on: str) -> NDArray[np.bool_]:
    """Which of the T tokens are predicted; never the first, before which nothing stands."""
    if train_on == "all":
        flags = np.ones(len(tokens.ids), dtype=np.bool_)
    elif train_on == "last_answer":
        last = max(1, *tokens.answers)  # of a template's marks there may be none
        flags = np.asarray(tokens.answers) == last
    else:
        flags = np.asarray(tokens.answers) > 0
    flags[:1] = False
    return flags
