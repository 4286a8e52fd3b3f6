"""Questions with their contexts as tokens, long contexts in several windows.

Each context is tokenized once, however many questions are asked about it; windows are cut when
they are asked for. Shape letters: N questions, W windows, T tokens of a window (at most
`max_length`), C different contexts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lmkit.data.encoded import CHUNK, chunks
from lmkit.data.pair_layout import PairLayout, pair_layout
from lmkit.data.questions import Answer, Question
from lmkit.errors import DataError

Ints = NDArray[np.int64]

_TROUBLES = {
    "cut": "questions are cut, for they take more than half of task.max_length",
    "lost": "answers are not whole in any window and count as no answer there; raise "
    "task.max_length or lower task.stride",
    "long": "answers have more tokens than task.max_answer_length and cannot be given whole",
}

# Unicode's white space, the last of it the ideographic space.
_SPACES = np.array([code for code in range(0x3001) if chr(code).isspace()], dtype=np.uint32)
_BARE: dict[str, Any] = {
    "add_special_tokens": False, "return_attention_mask": False, "return_token_type_ids": False,
    "verbose": False,
}  # fmt: skip


@dataclass(frozen=True)
class Context:
    """The tokens of a context, and the characters that each stands for."""

    ids: Ints
    begins: Ints
    """The first character of each token that is no white space; -1 where it has none."""
    ends: Ints
    """The character after the last of them; -1 where it has none."""

    def place(self, answer: Answer) -> tuple[int, int] | None:
        """The first and the last token of an answer; None where no token stands for it."""
        held = np.flatnonzero(
            (self.begins >= 0) & (self.begins < answer.end) & (self.ends > answer.start)
        )
        return (int(held[0]), int(held[-1])) if len(held) else None


@dataclass(frozen=True, eq=False)
class QuestionWindows:
    """W windows of N questions."""

    layout: PairLayout
    questions: list[Question]
    """The N questions as they were read; none where they are only trained on."""
    asked: list[Ints]
    """Their token ids."""
    contexts: list[Context]
    """C of them."""
    context_of: Ints
    """(N,) which context each question is about."""
    question_of: Ints
    """(W,) the question of each window."""
    first: Ints
    """(W,) its first token of the context."""
    size: Ints
    """(W,) how many of them it holds."""
    labels: Ints
    """(W, 2) where the answer begins and ends; both [CLS] where the window does not hold it."""
    counts: dict[str, int]
    """`questions`, those whose question was `cut`, whose answer no window holds whole (`lost`),
    whose answer has more tokens than are given (`long`)."""
    split: str
    """What was read: `train`, `validation` ..."""
    number: int
    """Told with each window, so that a batch knows where its windows come from."""

    @property
    def lengths(self) -> Ints:
        """Tokens of each window, (W,)."""
        asked = np.array([len(ids) for ids in self.asked], dtype=np.int64)
        return np.asarray(self.layout.size + asked[self.question_of] + self.size)

    def __len__(self) -> int:
        return len(self.question_of)

    def troubles(self) -> Iterable[str]:
        """What there is to say of questions and answers that do not fit into a window."""
        for kind, what in _TROUBLES.items():
            if count := self.counts[kind]:
                yield f"{self.split} data: {count} of {self.counts['questions']} {what}"

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """The window for (epoch, index), the same in every epoch.

        With questions kept: `begins` and `ends` (T,), the characters of the context that each token
        stands for, -1 where it is none of the context.
        """
        index = key[1]
        question = int(self.question_of[index])
        asked, context = self.asked[question], self.contexts[self.context_of[question]]
        part = slice(self.first[index], self.first[index] + self.size[index])
        ids = self.layout.ids(asked, context.ids[part])
        found: dict[str, Any] = {
            "input_ids": ids,
            "token_type_ids": self.layout.types(len(asked), int(self.size[index])),
            "labels": self.labels[index],
        }
        if not self.questions:
            return found
        start = self.layout.start(len(asked))
        for name, values in (("begins", context.begins), ("ends", context.ends)):
            found[name] = np.full(len(ids), -1)
            found[name][start : start + self.size[index]] = values[part]
        return found | {
            "null": self.layout.null_place(len(ids)), "question": question, "source": self.number,
        }  # fmt: skip


@dataclass(frozen=True)
class WindowShape:
    """How contexts are cut."""

    max_length: int
    stride: int
    """Tokens from one window to the next; where less of a context fits in, that much."""
    longest: int
    """Tokens of the longest answer that is given, for the count of longer ones."""


def question_windows(
    questions: Iterable[Question],
    tokenizer: PreTrainedTokenizerBase,
    shape: WindowShape,
    *,
    keep: bool,
    split: str = "",
    number: int = 0,
) -> QuestionWindows:
    """Tokenize questions and contexts and cut the windows.

    A question may take half of a window; what is longer is cut at its end. The label of a window is
    the first answer, where it holds all of it.

    Args:
        questions: read once.
        tokenizer: a fast one.
        shape: of the windows.
        keep: whether to keep the questions, to score or to answer them.
        split: what is read.
        number: told with each window.

    Raises:
        DataError: the tokenizer makes no token of a context, of a question or of an answer.
        TokenizerError: it is not a fast one.
    """
    layout = pair_layout(tokenizer)
    limit = (shape.max_length - layout.size) // 2  # tokens of a question
    known: dict[str, int] = {}
    contexts: list[Context] = []
    kept, asked, context_of = [], [], []
    windows: list[tuple[int, int, int, int, int]] = []
    counts = {"questions": 0, "cut": 0, "lost": 0, "long": 0}
    for chunk in chunks(questions, CHUNK):
        new = [text for text in dict.fromkeys(each.context for each in chunk) if text not in known]
        known |= {text: len(known) + place for place, text in enumerate(new)}
        contexts += _contexts(new, tokenizer)
        for question, ids in zip(
            chunk, _ids([each.text for each in chunk], tokenizer), strict=True
        ):
            context = contexts[known[question.context]]
            _require(question, len(ids), "question")
            _require(question, int((context.begins >= 0).sum()), "context")
            counts["questions"] += 1
            counts["cut"] += len(ids) > limit
            asked.append(ids[:limit])
            context_of.append(known[question.context])
            place = _place(question, context)
            cut = list(
                _cut(len(context.ids), shape.max_length - layout.size - len(asked[-1]), shape)
            )
            held = [_within(place, first, size) for first, size in cut]
            counts["lost"] += place is not None and not any(held)
            counts["long"] += place is not None and place[1] - place[0] >= shape.longest
            start = layout.start(len(asked[-1]))
            for (first, size), inside in zip(cut, held, strict=True):
                null = layout.null_place(layout.size + len(asked[-1]) + size)
                label = (null, null)
                if inside and place is not None:
                    label = (start + place[0] - first, start + place[1] - first)
                windows.append((len(asked) - 1, first, size, *label))
        kept += chunk if keep else []
    table = np.array(windows, dtype=np.int64).reshape(-1, 5)
    return QuestionWindows(
        layout=layout, questions=kept, asked=asked, contexts=contexts,
        context_of=np.array(context_of, dtype=np.int64), question_of=table[:, 0],
        first=table[:, 1], size=table[:, 2], labels=table[:, 3:], counts=counts,
        split=split, number=number,
    )  # fmt: skip


def _cut(tokens: int, room: int, shape: WindowShape) -> Iterable[tuple[int, int]]:
    """First token and size of each window of a context; the last one ends with it."""
    first = 0
    while first + room < tokens:
        yield first, room
        first += min(shape.stride, room)
    yield first, tokens - first


def _within(place: tuple[int, int] | None, first: int, size: int) -> bool:
    """Whether a window holds a whole answer."""
    return place is not None and first <= place[0] and place[1] < first + size


def _place(question: Question, context: Context) -> tuple[int, int] | None:
    """The tokens of the first answer; None where there is no answer."""
    if not question.answers:
        return None
    place = context.place(question.answers[0])
    _require(question, int(place is not None), "answer")
    return place


def _require(question: Question, tokens: int, what: str) -> None:
    if not tokens:
        raise DataError(
            f"{question.origin}: the tokenizer makes no token of the {what}; leave the row out"
        )


def _ids(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[Ints]:
    """The token ids of each text, without special ones."""
    found = tokenizer(list(texts), **_BARE)["input_ids"]
    return [np.asarray(ids, dtype=np.int64) for ids in found]


def _contexts(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[Context]:
    """The tokens of each context with their places."""
    if not texts:
        return []
    found = tokenizer(list(texts), return_offsets_mapping=True, **_BARE)
    return [
        Context(
            np.asarray(ids, dtype=np.int64),
            *_trimmed(text, np.array(spans, dtype=np.int64).reshape(-1, 2)),
        )
        for text, ids, spans in zip(texts, found["input_ids"], found["offset_mapping"], strict=True)
    ]


def _trimmed(text: str, spans: Ints) -> tuple[Ints, Ints]:
    """Where tokens begin and end without the white space at either side (`_word` holds some)."""
    space = np.isin(np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32), _SPACES)
    places = np.arange(len(text))
    # for each place the next one that is no space, and one past the last one before it
    following = np.minimum.accumulate(np.where(space, len(text), places)[::-1])[::-1]
    following = np.append(following, len(text))
    before = np.concatenate([[0], np.maximum.accumulate(np.where(space, 0, places + 1))])
    begins, ends = following[spans[:, 0]], before[spans[:, 1]]
    real = (begins < ends) & (spans[:, 0] < spans[:, 1])
    return np.where(real, begins, -1), np.where(real, ends, -1)
