"""Questions about contexts and the answers that stand in them: SQuAD's columns, or flat ones.

Places are characters (Unicode code points) of the context, as in SQuAD.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lmkit.data.rows import Row, Source, column
from lmkit.errors import DataError
from lmkit.recipe.nearest import did_you_mean

FLAT = "answer"
"""The column of a single answer, where there is none of SQuAD's."""
START = "answer_start"
"""Its place, in a column beside it; also SQuAD's name inside `answers`."""
_SHOWN = 40  # characters of an answer in a message


class Answer(NamedTuple):
    """A part of a context."""

    start: int
    """Its first character."""
    text: str

    @property
    def end(self) -> int:
        """The character after its last."""
        return self.start + len(self.text)


@dataclass(frozen=True)
class Question:
    """A question, the text to look in, and what answers it."""

    text: str
    context: str
    answers: tuple[Answer, ...]
    """Each as good as the others; empty where the context holds no answer, or none is asked for."""
    origin: str


@dataclass(frozen=True)
class QuestionColumns:
    """Where the parts of a question stand in a row."""

    question: str = "question"
    context: str = "context"
    answers: str = "answers"

    @classmethod
    def of(cls, options: Any) -> "QuestionColumns":
        """Those that the options of a task name."""
        return cls(options.question_column, options.context_column, options.answers_column)

    def read(self, row: Row, *, answered: bool) -> Question:
        """The question of a row.

        Args:
            row: with these columns.
            answered: whether the answers are read too.

        Raises:
            DataError: a column is missing or blank, a text is not one, or an answer does not stand
                where it is said to stand.
        """
        question, context = self._text(row, self.question), self._text(row, self.context)
        if not answered:
            return Question(question, context, (), row.origin)
        if self._key(row.values) is None:
            names = f"`{self.answers}`" + (f" (or `{FLAT}`)" if self.answers == "answers" else "")
            found = [str(key) for key in row.values]
            listed = ", ".join(f"`{name}`" for name in found)
            raise DataError(
                f"{row.origin}: no column {names}; the columns are {listed}"
                f"{did_you_mean(self.answers, found)}"
            )
        try:
            answers = self._answers(row.values, context)
        except ValueError as error:
            raise DataError(f"{row.origin}: {error}; mend the row or leave it out") from error
        return Question(question, context, answers, row.origin)

    def problem(self, values: Mapping[str, Any]) -> str | None:
        """What is wrong with the answers of a row, in a few words; None where nothing is."""
        context = values.get(self.context)
        if not isinstance(context, str) or self._key(values) is None:
            return "no context or no answers"
        try:
            self._answers(values, context)
        except ValueError as error:
            return str(error)
        return None

    def _text(self, row: Row, name: str) -> str:
        text = column(row, name)
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise DataError(
                f"{row.origin}: column `{name}` holds half of a surrogate pair, which is not text; "
                "mend the row or leave it out"
            )
        return text

    def _key(self, values: Mapping[str, Any]) -> str | None:
        """The column of the answers."""
        if self.answers in values:
            return self.answers
        return FLAT if self.answers == "answers" and FLAT in values else None

    def _answers(self, values: Mapping[str, Any], context: str) -> tuple[Answer, ...]:
        """The answers of a row.

        Raises:
            ValueError: they are none, or do not stand where they are said to stand.
        """
        value = values[str(self._key(values))]
        if value is None or (isinstance(value, str) and not value.strip()):
            return ()
        if isinstance(value, str):
            return (_flat(context, value, values.get(START)),)
        if isinstance(value, Mapping):
            return _together(context, value.get("text"), value.get(START))
        if not isinstance(value, Sequence):
            raise ValueError(f"the answers are {value!r:.40}, neither text nor SQuAD's")  # noqa: TRY004 - of a row
        if all(isinstance(item, Mapping) for item in value):
            texts = [item.get("text") for item in value]
            return _together(context, texts, [item.get(START) for item in value])
        return tuple(_flat(context, text, None) for text in value)


def read_questions(
    source: Source, columns: QuestionColumns, *, may_be_none: bool
) -> Iterator[Question]:
    """The questions of a split with their answers.

    Raises:
        DataError: a row does not fit, or has no answer where each must have one.
    """
    for row in source.rows():
        question = columns.read(row, answered=True)
        if not question.answers and not may_be_none:
            raise DataError(
                f"{question.origin}: the question has no answer; leave the row out, or set "
                "task.no_answer: true (and train on questions without an answer)"
            )
        yield question


def some_are_unanswered(source: Source, columns: QuestionColumns, *, may_be_none: bool) -> bool:
    """Whether a question of the training data has no answer.

    Raises:
        DataError: as `read_questions`; or no question has one.
    """
    found = read_questions(source, columns, may_be_none=may_be_none)
    answered = [bool(question.answers) for question in found]
    if not any(answered):
        raise DataError(
            f"{source.name} data: none of the {len(answered)} questions has an answer, so there is "
            f"none to learn; are they in the column `{columns.answers}` (task.answers_column)?"
        )
    return not all(answered)


def _together(context: str, texts: Any, starts: Any) -> tuple[Answer, ...]:
    """SQuAD's answers: as many texts as places."""
    if not isinstance(texts, Sequence) or not isinstance(starts, Sequence):
        raise ValueError("answers have no `text` or no `answer_start`")  # noqa: TRY004 - of a row
    if len(texts) != len(starts):
        raise ValueError(f"{len(texts)} answers but {len(starts)} offsets")
    return tuple(_placed(context, *pair) for pair in zip(texts, starts, strict=True))


def _flat(context: str, text: Any, start: Any) -> Answer:
    """One answer; its place may be text (CSV), or left out where the answer occurs once."""
    if isinstance(start, str):
        digits = start.strip().removesuffix(".0")
        start = int(digits) if digits.isascii() and digits.isdigit() else start.strip() or None
    elif isinstance(start, float) and start.is_integer():
        start = int(start)
    if start is not None:
        return _placed(context, text, start)
    if not isinstance(text, str) or not text:
        raise ValueError(f"an answer is {text!r}, which is no text")
    first = context.find(text)
    if first < 0:
        raise ValueError(f"the answer {text[:_SHOWN]!r} is nowhere in the context")
    if context.find(text, first + 1) >= 0:
        raise ValueError(
            f"the answer {text[:_SHOWN]!r} is in the context more than once; say which is meant "
            f"with its first character in a column `{START}`"
        )
    return Answer(first, text)


def _placed(context: str, text: Any, start: Any) -> Answer:
    """An answer that stands at `start`."""
    if not isinstance(text, str) or not isinstance(start, int):
        raise ValueError(f"an answer is {text!r} at {start!r}, which is no text and no offset")  # noqa: TRY004 - of a row
    if not text:
        raise ValueError("an answer is empty")
    found = context[start : start + len(text)] if start >= 0 else ""
    if found != text:
        at = context.find(text)
        elsewhere = f"it stands at {at}" if at >= 0 else "it is nowhere in the context"
        raise ValueError(
            f"at {start} stands {found[:_SHOWN]!r}, not {text[:_SHOWN]!r}; {elsewhere}"
        )
    return Answer(start, text)
