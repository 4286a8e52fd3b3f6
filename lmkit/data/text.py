"""Text files: decoding that names the byte it fails at, and cutting a file into documents.

Bytes are decoded a line at a time (a line feed never stands inside a UTF-8 character), so lines
and paragraphs of files of any size stream through flat memory and an offset is the file's own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

from lmkit.data.formats import DataFile, open_bytes, sniff
from lmkit.data.refusals import refuse
from lmkit.data.rows import Row
from lmkit.errors import DataError

_MARK = b"\xef\xbb\xbf"  # UTF-8's byte-order mark: not part of the text
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Reading:
    """How files are read: the part of the recipe that changes what their bytes mean."""

    document: Literal["file", "line", "paragraph"] = "file"
    errors: Literal["strict", "replace", "ignore"] = "strict"
    text_column: str | None = "text"


def read_text(file: DataFile, reading: Reading) -> Iterator[Row]:
    """The documents of a text file in the column `reading.text_column` (or `text`).

    A whole file keeps every character, line ends included. A line comes without its line end, a
    paragraph (lines up to a blank one) without its last; blank lines are no documents.

    Raises:
        DataError: the file is not UTF-8 (and `errors` is strict), or not text at all.
    """
    name = reading.text_column or "text"
    if reading.document == "file":
        with open_bytes(file) as stream:
            content = stream.read()
        yield Row(
            {name: _decode(file, _start(file, content), reading, _skipped(content))}, str(file)
        )
        return
    lines = enumerate(read_lines(file, reading), start=1)
    if reading.document == "line":
        for number, line in lines:
            if line.strip():
                yield Row({name: line.rstrip("\r\n")}, f"{file}:{number}")
        return
    paragraph: list[str] = []
    begun = 0
    for number, line in lines:
        if line.strip():
            begun = begun or number
            paragraph.append(line)
        elif paragraph:
            yield Row({name: "".join(paragraph).rstrip("\r\n")}, f"{file}:{begun}")
            paragraph, begun = [], 0
    if paragraph:
        yield Row({name: "".join(paragraph).rstrip("\r\n")}, f"{file}:{begun}")


def read_lines(file: DataFile, reading: Reading) -> Iterator[str]:
    """The lines of a file, line ends kept.

    Raises:
        DataError: the file is not UTF-8 (and `errors` is strict), or not text at all.
    """
    with open_bytes(file) as stream:
        yield from _lines(file, stream, reading)


def read_chunks(file: DataFile, reading: Reading) -> Iterator[str]:
    """The text of a file, about `_CHUNK` bytes at a time, wherever lines end; never empty pieces.

    Raises:
        DataError: the file is not UTF-8 (and `errors` is strict), or not text at all.
    """
    with open_bytes(file) as stream:
        offset, rest = 0, b""
        while block := stream.read(_CHUNK):
            content = rest + block
            start = offset
            if offset == 0:
                start = _skipped(content)
                content = _start(file, content)
            size = len(content) - _unfinished(content)
            rest = content[size:]
            if text := _decode(file, content[:size], reading, start):
                yield text
            offset = start + size
        if rest:
            yield _decode(file, rest, reading, offset)


def _unfinished(content: bytes) -> int:
    """How many of the last bytes begin a character that the next chunk goes on with (0 to 3)."""
    for back in range(1, min(3, len(content)) + 1):
        byte = content[-back]
        if byte & 0xC0 != 0x80:  # not a continuation byte: the character begins here
            length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return back if length > back else 0
    return 0


def _lines(file: DataFile, stream: BinaryIO, reading: Reading) -> Iterator[str]:
    offset = file.begin
    for number, raw in enumerate(stream, start=1):
        line = raw
        if offset == 0:
            line = _start(file, raw)
        start = offset + len(raw) - len(line)
        offset += len(raw)
        try:
            text = _decode(file, line, reading, start)
        except DataError as error:
            refuse(error, f"{file}:{number}")
            text = line.decode("utf-8", "replace")
        yield text


def _start(file: DataFile, content: bytes) -> bytes:
    """The first bytes of a file, checked to be text and without the byte-order mark."""
    sniff(file, content)
    return content.removeprefix(_MARK)


def _skipped(content: bytes) -> int:
    """How many bytes the byte-order mark took."""
    return len(_MARK) if content.startswith(_MARK) else 0


def _decode(file: DataFile, content: bytes, reading: Reading, offset: int) -> str:
    """`content`, which stands at byte `offset` of the file, as text."""
    try:
        return content.decode("utf-8", reading.errors)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}: byte {offset + error.start} is not UTF-8 (0x{content[error.start]:02x}: "
            f"{error.reason}); convert the file, or set data.errors: replace (or ignore)"
        ) from error
