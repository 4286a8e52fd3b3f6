"""JSON: lines of objects, arrays of objects (streamed), one object that holds a list, SQuAD."""

import json
from collections.abc import Iterator
from typing import Any

from lmkit.data.formats import DataFile
from lmkit.data.refusals import refuse
from lmkit.data.rows import Row
from lmkit.data.text import Reading, read_chunks, read_lines
from lmkit.errors import DataError


def read_json_lines(file: DataFile, reading: Reading) -> Iterator[Row]:
    """One object a line; blank lines are passed over.

    Raises:
        DataError: a line is not JSON (`FILE:LINE:COLUMN`) or not an object.
    """
    for number, line in enumerate(read_lines(file, reading), start=1):
        if line.strip():
            try:
                row = _row(file, number, _parsed(file, line.rstrip("\r\n"), number), reading)
            except DataError as error:
                refuse(error)
            else:
                yield row


def read_json(file: DataFile, reading: Reading) -> Iterator[Row]:
    """An array of objects, or one object: SQuAD's, one that holds a list of objects, or a row.

    A file of several objects, a line each, is read as JSON Lines. Arrays are streamed; one object
    is read whole.

    Raises:
        DataError: broken JSON (`FILE:LINE:COLUMN`), or none of these shapes.
    """
    chunks = read_chunks(file, reading)
    head = "".join(next(chunks, ""))
    while head.isspace():
        head = head + (more := next(chunks, ""))
        if not more:
            return
    line, _, rest = head.lstrip().partition("\n")
    if line.startswith("["):
        yield from _array(file, head, chunks, reading)
    elif rest.strip() and _is_object(line):
        yield from read_json_lines(file, reading)
    elif head:
        yield from _object(file, "".join([head, *chunks]), reading)


def _object(file: DataFile, text: str, reading: Reading) -> Iterator[Row]:
    """The rows of a file that is one object."""
    value = _parsed(file, text, 1)
    if not isinstance(value, dict):
        raise DataError(f"{file}: holds neither an object nor a list of objects")
    lists = [
        key
        for key, items in value.items()
        if isinstance(items, list) and items and all(isinstance(item, dict) for item in items)
    ]
    if _is_squad(value.get("data")):
        yield from _squad(file, value["data"])
    elif len(lists) == 1:
        for i, item in enumerate(value[lists[0]], start=1):
            yield _checked(Row(item, f"{file}:row {i}"), reading)
    elif lists:
        names = ", ".join(f"`{name}`" for name in lists)
        raise DataError(
            f"{file}: the object holds several lists ({names}), and which of them are the rows "
            "cannot be told; write the one that is meant as JSON Lines"
        )
    else:
        yield _row(file, 1, value, reading)


def _array(file: DataFile, head: str, chunks: Iterator[str], reading: Reading) -> Iterator[Row]:
    """The objects of an array; no more of the file is held than the object being read needs."""
    text = _Cursor(file, head, chunks)
    text.peek()
    text.take()
    empty = text.peek() == "]"
    while not empty:
        text.peek()
        line, value = text.line, text.value()
        try:
            row = _row(file, line, value, reading)
        except DataError as error:
            refuse(error)
        else:
            yield row
        mark = text.peek()
        if mark == "]":
            break
        if mark != ",":
            raise text.broken("expected `,` or `]` after an object")
        text.take()
    text.take()
    if text.peek():
        raise text.broken("text after the end of the array")


class _Cursor:
    """A place in JSON text that arrives in chunks; what lies before it is forgotten."""

    def __init__(self, file: DataFile, head: str, chunks: Iterator[str]) -> None:
        self.line = 1
        self._file = file
        self._chunks = chunks
        self._decoder = json.JSONDecoder()
        self._buffer = head
        self._at = 0
        self._line_start = 0  # where in the buffer the line of the cursor begins (or began)

    def peek(self) -> str:
        """Go to the next character that is not white space; an empty string at the end."""
        while True:
            end = self._at
            while end < len(self._buffer) and self._buffer[end] in " \t\r\n":
                end += 1
            self._advance(end)
            if end < len(self._buffer):
                return self._buffer[end]
            if not self._more():
                return ""

    def take(self) -> None:
        """Go past one character."""
        self._advance(self._at + 1)

    def value(self) -> Any:
        """The value that begins here; the cursor goes past it.

        Raises:
            DataError: it is broken.
        """
        while True:
            start = self._at
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except (ValueError, RecursionError) as error:
                if self._is_final(error) or not self._more():
                    rest = self._buffer[self._at :]
                    before = self._at - self._line_start
                    if isinstance(error, json.JSONDecodeError):
                        error = json.JSONDecodeError(error.msg, rest, error.pos - start)
                    raise _broken(self._file, error, rest, self.line, before) from error
            else:
                self._advance(end)
                return value

    def broken(self, what: str) -> DataError:
        """The error that `what` is wrong here."""
        column = self._at - self._line_start + 1
        return DataError(f"{self._file}:{self.line}:{column}: broken JSON: {what}")

    def _advance(self, end: int) -> None:
        if feeds := self._buffer.count("\n", self._at, end):
            self.line += feeds
            self._line_start = self._buffer.rindex("\n", self._at, end) + 1
        self._at = end

    def _more(self) -> bool:
        """Read one more chunk; False at the end of the file."""
        more = next(self._chunks, "")
        self._buffer = self._buffer[self._at :] + more
        self._line_start -= self._at
        self._at = 0
        return bool(more)

    def _is_final(self, error: ValueError | RecursionError) -> bool:
        """Whether it stays an error whatever follows: not at the end, nor an open string."""
        if not isinstance(error, json.JSONDecodeError):
            return True
        at_end = error.pos >= len(self._buffer) - 16
        return not at_end and not error.msg.startswith("Unterminated string")


def _is_squad(data: Any) -> bool:
    """Whether this is the `data` of a SQuAD file: articles with paragraphs with questions."""
    return (
        isinstance(data, list)
        and bool(data)
        and all(isinstance(article, dict) and "paragraphs" in article for article in data)
    )


def _squad(file: DataFile, articles: list[dict[str, Any]]) -> Iterator[Row]:
    """One row a question: id, title, context, question, answers {text, answer_start} if any.

    The columns are those of the `squad` set on the hub (Rajpurkar et al. 2016, arXiv:1606.05250).
    """
    number = 0
    try:
        for article in articles:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    number += 1
                    yield Row(_question(article, paragraph, question), f"{file}:row {number}")
    except (KeyError, TypeError, AttributeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"{file}: not the SQuAD layout at or after question {number} ({what}); it is "
            "data[].paragraphs[].{context, qas[].{id, question, answers[].{text, answer_start}}}"
        ) from error


def _question(
    article: dict[str, Any], paragraph: dict[str, Any], question: dict[str, Any]
) -> dict[str, Any]:
    """The values of one question's row."""
    values = {
        "id": question.get("id"),
        "title": article.get("title", ""),
        "context": paragraph["context"],
        "question": question["question"],
    }
    if "answers" not in question and not question.get("is_impossible"):
        return values  # unanswered, which is another thing than to have no answer
    answers = question.get("answers") or []
    return values | {
        "answers": {
            "text": [answer["text"] for answer in answers],
            "answer_start": [answer["answer_start"] for answer in answers],
        },
    }


def _is_object(line: str) -> bool:
    """Whether a line is a whole object by itself."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _parsed(file: DataFile, text: str, number: int) -> Any:
    """The value of `text`, whose first line is line `number` of the file."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _broken(file, error, text, number) from error


def _broken(file: DataFile, error: Exception, text: str, number: int, before: int = 0) -> DataError:
    """`FILE:LINE:COLUMN: broken JSON: ...` and the text around the place.

    Args:
        file: The file.
        error: What the parser said.
        text: What it was given.
        number: The line of the file at which `text` starts.
        before: Characters of that line before `text`.
    """
    if not isinstance(error, json.JSONDecodeError):
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        return DataError(f"{file}:{number}: broken JSON: {reason}")
    near = text[max(0, error.pos - 20) : error.pos + 20].strip()
    column = error.colno + (before if error.lineno == 1 else 0)
    return DataError(
        f"{file}:{number + error.lineno - 1}:{column}: broken JSON: {error.msg} "
        f"(near {near!r}); mend or delete the line"
    )


def _row(file: DataFile, number: int, value: Any, reading: Reading) -> Row:
    """A row from line `number`, once it is an object."""
    if not isinstance(value, dict):
        raise DataError(
            f'{file}:{number}: a row is a JSON object (`{{"{reading.text_column or "text"}": '
            f"...}}`), found {json.dumps(value)[:40]}"
        )
    return _checked(Row(value, f"{file}:{number}"), reading)


def _checked(row: Row, reading: Reading) -> Row:
    r"""The row without half surrogate pairs: JSON can write them (`\ud800`), UTF-8 cannot."""
    text = row.values.get(reading.text_column) if reading.text_column else None
    if not isinstance(text, str):
        return row
    try:
        text.encode()
    except UnicodeEncodeError as error:
        if reading.errors == "strict":
            raise DataError(
                f"{row.origin}: character {error.start} of `{reading.text_column}` is half of a "
                f"surrogate pair (\\u{ord(text[error.start]):04x}), which is not text; "
                "mend the row, or set data.errors: replace (or ignore)"
            ) from error
        mended = text.encode("utf-8", "surrogatepass").decode("utf-8", reading.errors)
        return Row({**row.values, reading.text_column: mended}, row.origin)  # type: ignore[dict-item]
    return row
