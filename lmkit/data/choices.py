"""Questions with answers to choose from: read, checked and encoded. C choices of a row."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from transformers import PreTrainedTokenizerBase

from lmkit.data.encoded import CHUNK, chunks
from lmkit.data.encoded_groups import EncodedGroups, GroupWriter
from lmkit.data.rows import Row, Source, column, label
from lmkit.data.tokenizer import start_token_id
from lmkit.errors import DataError
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.options.multiple_choice import MultipleChoiceOptions

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Columns(NamedTuple):
    """Where a row holds what."""

    question: str
    context: str | None
    choices: str
    answer: str

    @classmethod
    def of(cls, options: MultipleChoiceOptions) -> "Columns":
        """As the task says."""
        return cls(
            options.question_column, options.context_column, options.choices_column,
            options.answer_column,
        )  # fmt: skip


class Asked(NamedTuple):
    """A question."""

    prompt: str
    """The context, if there is one, and the question."""
    choices: list[str]
    """C texts, none like another."""
    names: list[str]
    """What the choices are called: `A`, `B` and so on where the row says nothing else."""


class EncodedQuestion(NamedTuple):
    """A question with each of its answers, as a model reads it."""

    texts: list[list[int]]
    """C sequences of token ids."""
    types: list[list[int]]
    """1 where a token is of the answer, else 0."""
    cut: int
    """Sequences that lost tokens to the limit."""


class Encode(Protocol):
    """Makes the sequences of questions."""

    def __call__(self, asked: Sequence[Asked]) -> list[EncodedQuestion]:
        """One for each."""


def read_question(row: Row, columns: Columns) -> Asked:
    """What a row asks.

    Raises:
        DataError: a column is missing or holds something else; two choices are equal.
    """
    prompt = column(row, columns.question)
    if columns.context is not None:
        prompt = f"{column(row, columns.context)}\n{prompt}"
    value, names = _choices(row, columns.choices)
    for number, choice in enumerate(value, start=1):
        if not isinstance(choice, str) or not choice.strip():
            raise DataError(
                f"{row.origin}: choice {number} in column `{columns.choices}` is "
                f"{choice!r}, not a text"
            )
    if len(value) < 2:
        raise DataError(
            f"{row.origin}: column `{columns.choices}` holds {len(value)} choices; to choose takes "
            "two or more"
        )
    if twice := [choice for choice in value if value.count(choice) > 1]:
        raise DataError(
            f"{row.origin}: column `{columns.choices}` holds `{twice[0]}` more than once"
        )
    if not names:
        names = list(_LETTERS[: len(value)])
    return Asked(prompt, value, names)


def _choices(row: Row, name: str) -> tuple[list[Any], list[str]]:
    """The choices and, where the row has them, their names."""
    value: Any = row.values.get(name)
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise DataError(
                f"{row.origin}: column `{name}` holds a broken list: {error}; write it as JSON: "
                '["one", "two"]'
            ) from None
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        names = value.get("label")
        if not isinstance(names, list) or len(names) != len(value["text"]):
            names = []
        return value["text"], [str(item) for item in names]
    if not isinstance(value, list):
        column(row, name)  # says what is missing
        raise DataError(
            f"{row.origin}: column `{name}` holds text, not a list of choices; in a CSV write it "
            'as JSON: ["one", "two"]'
        )
    return value, []


def answer_of(row: Row, asked: Asked, name: str) -> int:
    """Which choice is right, in [0, C): by its text, else its name, else its number from 0.

    Raises:
        DataError: there is no such column, or what it holds is none of the choices.
    """
    value = row.values.get(name)
    text = label(row, name)
    if isinstance(value, str):
        if text in asked.choices:
            return asked.choices.index(text)
        if text.strip() in asked.names:
            return asked.names.index(text.strip())
    if text.strip().isdecimal() and int(text) < len(asked.choices):
        return int(text)
    raise DataError(
        f"{row.origin}: column `{name}` holds `{text}`, which is none of the {len(asked.choices)} "
        f"choices, nor a name ({', '.join(asked.names)}) or number (0 to {len(asked.choices) - 1}) "
        f"of one{did_you_mean(text, asked.choices)}"
    )


def encode_questions(rows: Iterable[Row], columns: Columns, encode: Encode) -> EncodedGroups:
    """Read and encode all rows, holding no text but that of a chunk.

    Args:
        rows: read once.
        columns: what they hold where.
        encode: `pair_encoder` or `prompt_encoder`.

    Returns:
        N rows of C texts; fields: `labels` (N,) the right choice, and `bytes`, the UTF-8 bytes of
        each choice.

    Raises:
        DataError: a row asks nothing, or its answer is none of its choices.
    """
    writer, cut = GroupWriter(), 0
    for chunk in chunks(rows, CHUNK):
        asked = [read_question(row, columns) for row in chunk]
        for row, question, found in zip(chunk, asked, encode(asked), strict=True):
            cut += found.cut
            writer.add(
                found.texts, found.types, labels=answer_of(row, question, columns.answer),
                bytes=choice_bytes(question),
            )  # fmt: skip
    return writer.finish(cut)


def encode_asked(rows: Sequence[Row], columns: Columns, encode: Encode) -> list[dict[str, Any]]:
    """The features of questions whose answers are not known.

    Raises:
        DataError: a row asks nothing.
    """
    asked = [read_question(row, columns) for row in rows]
    return [
        {
            "input_ids": np.concatenate(found.texts), "texts": found.texts,
            "types": found.types, "bytes": choice_bytes(question),
        }
        for question, found in zip(asked, encode(asked), strict=True)
    ]  # fmt: skip


def usual_places(source: Source, columns: Columns) -> Counter[int]:
    """How often each place holds the right answer."""
    rows = source.rows()
    return Counter(answer_of(row, read_question(row, columns), columns.answer) for row in rows)


def choice_bytes(asked: Asked) -> list[int]:
    """The UTF-8 bytes of each choice."""
    return [len(choice.encode("utf-8", "replace")) for choice in asked.choices]


def pair_encoder(tokenizer: PreTrainedTokenizerBase, max_length: int) -> Encode:
    """Question and answer as a pair; where they pass the limit the longer one is cut first."""

    def encode(asked: Sequence[Asked]) -> list[EncodedQuestion]:
        flat = [(question.prompt, choice) for question in asked for choice in question.choices]
        options: dict[str, Any] = {"return_token_type_ids": True, "verbose": False}
        found = tokenizer(flat, return_attention_mask=False, **options)
        ids, types = found["input_ids"], found["token_type_ids"]
        long = [at for at, text in enumerate(ids) if len(text) > max_length]
        if long:
            again = tokenizer(
                [flat[at] for at in long], truncation="longest_first", max_length=max_length,
                return_attention_mask=False, **options,
            )  # fmt: skip
            for at, text, part in zip(
                long, again["input_ids"], again["token_type_ids"], strict=True
            ):
                ids[at], types[at] = text, part
        return _grouped(asked, ids, types, set(long))

    return encode


def prompt_encoder(tokenizer: PreTrainedTokenizerBase, max_length: int, separator: str) -> Encode:
    """The answer after the question, as a causal model reads it, behind the begin token.

    Where they pass the limit the question loses its beginning.
    """
    start = start_token_id(tokenizer)
    begin = [] if start is None else [start]
    options: dict[str, Any] = {
        "add_special_tokens": False, "return_attention_mask": False,
        "return_token_type_ids": False, "verbose": False,
    }  # fmt: skip

    def encode(asked: Sequence[Asked]) -> list[EncodedQuestion]:
        prompts = tokenizer([question.prompt for question in asked], **options)["input_ids"]
        flat = [separator + choice for question in asked for choice in question.choices]
        answers = tokenizer(flat, **options)["input_ids"]
        ids, types, cut, at = [], [], set(), 0
        for question, prompt in zip(asked, prompts, strict=True):
            for _ in question.choices:
                answer = answers[at][: max_length - len(begin) - 1]
                room = max_length - len(begin) - len(answer)
                if len(prompt) > room or len(answer) < len(answers[at]):
                    cut.add(at)
                before = begin + prompt[max(0, len(prompt) - room) :]
                ids.append(before + answer)
                types.append([0] * len(before) + [1] * len(answer))
                at += 1
        return _grouped(asked, ids, types, cut)

    return encode


def _grouped(
    asked: Sequence[Asked], ids: list[list[int]], types: list[list[int]], cut: set[int]
) -> list[EncodedQuestion]:
    """The sequences of each question."""
    found, at = [], 0
    for question in asked:
        end = at + len(question.choices)
        shortened = sum(place in cut for place in range(at, end))
        found.append(EncodedQuestion(ids[at:end], types[at:end], shortened))
        at = end
    return found
