"""Which format a file has, by its name, and its bytes, decompressed as they are read."""

import gzip
import io
import zlib
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

import zstandard

from lmkit.errors import DataError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Kind = Literal["text", "json", "jsonl", "csv", "tsv", "parquet", "arrow", "conll"]

ROW_FORMATS: dict[str, Kind] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".conll": "conll",
    ".iob2": "conll",
}
"""Extensions whose files hold rows; every other one is read as text."""

# Extensions that a folder or a glob is searched for; a file that is named itself may have any.
_TEXT = (
    "txt text md markdown rst org adoc tex log srt vtt html htm xml css py pyi js ts jsx tsx c h "
    "cc cpp hpp cs java kt scala go rs rb php pl lua r jl swift m sh bash sql hs ml clj ex erl f90 "
    "asm vim el lisp scm yaml yml toml ini cfg"
)
TEXT_EXTENSIONS = frozenset(f".{extension}" for extension in _TEXT.split())
COMPRESSIONS = (".gz", ".zst")
_COMPRESSED = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst"}
ARCHIVES = frozenset((".zip", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".tbz2", ".txz"))
PICKLED = {
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), "pandas.read_pickle(FILE)"),
    **dict.fromkeys((".pt", ".pth"), "pandas.DataFrame(torch.load(FILE))"),
    **dict.fromkeys((".npy", ".npz"), "pandas.DataFrame(numpy.load(FILE))"),
}
"""Extensions whose files may hold pickles, and what opens one."""
FORMATS = (
    "txt, md, py and any other text; json, jsonl, csv, tsv, parquet, arrow, conll/iob2, SQuAD "
    "json; each also .gz or .zst"
)

_SIGNATURES = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a zip archive (or an office document)",
    b"\x1f\x8b": "gzip data (name it .gz)",
    b"\x28\xb5\x2f\xfd": "zstandard data (name it .zst)",
    b"PAR1": "a Parquet file (name it .parquet)",
    b"ARROW1": "an Arrow file (name it .arrow)",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ": "xz data",
    b"SQLite format 3": "an SQLite database",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x7fELF": "a program",
    b"\x93NUMPY": "a NumPy array",
}
_WIDE = {  # the longer marks first: UTF-32's little-endian mark begins with UTF-16's
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
# A file that unpacks to more than this, and to more than so many times its own bytes, is no data
# but a bomb: text packs to a third or a tenth, logs to a fiftieth.
_BOMB_BYTES, _BOMB_RATIO = 64 << 20, 300
_SNIFFED = 8192  # bytes looked at to tell text from other things


@dataclass(frozen=True)
class DataFile:
    """A file, and how its name says it is read."""

    path: Path
    kind: Kind
    compression: Literal["", ".gz", ".zst"]
    begin: int = 0
    """Of a piece of a file: its first byte,"""
    end: int | None = None
    """and where it ends; None for a whole file. Of a Parquet file the piece holds the row groups
    that begin there."""

    def __str__(self) -> str:
        return f"{self.path} (from byte {self.begin})" if self.begin else str(self.path)

    def piece(self) -> dict[str, Any]:
        """Which part of the file this is, for a description; nothing of a whole one."""
        if self.end is None:
            return {}
        return {"part": f"bytes {self.begin} to {self.end}", "range": [self.begin, self.end]}


def data_file(path: Path, kind: Kind | None = None) -> DataFile:
    """The format of `path`: `kind`, else by its extension.

    Raises:
        DataError: the extension is an archive's, or that of pickled objects.
    """
    suffix = path.suffix.lower()
    compression = cast('Literal["", ".gz", ".zst"]', suffix if suffix in COMPRESSIONS else "")
    inner = Path(path.stem).suffix.lower() if compression else suffix
    if inner in ARCHIVES:
        raise DataError(f"{path}: archives are not read; unpack it and name the folder ({FORMATS})")
    if opened := PICKLED.get(inner):
        raise DataError(
            f"{path}: may hold pickled objects, which can run code when opened, so it is not read; "
            f"convert it once, where you trust the file: {opened}"
            f".to_json('{path.stem}.jsonl', orient='records', lines=True)"
        )
    return DataFile(path, kind or ROW_FORMATS.get(inner, "text"), compression)


def is_known(path: Path) -> bool:
    """Whether a search through a folder takes this file."""
    suffix = path.suffix.lower()
    if suffix in COMPRESSIONS:
        suffix = Path(path.stem).suffix.lower()
    return suffix in ROW_FORMATS or suffix in TEXT_EXTENSIONS


def signature(head: bytes) -> str:
    """The extension of the compression that bytes begin with; empty where there is none."""
    return next((name for mark, name in _COMPRESSED.items() if head.startswith(mark)), "")


@contextmanager
def open_bytes(file: DataFile) -> Iterator[BinaryIO]:
    """The decompressed bytes of a file, as a stream.

    Raises:
        DataError: the file is gone, may not be read, or its compressed data is damaged or cut off,
            or unpacks without bound.
    """
    try:
        with file.path.open("rb") as raw:
            if file.compression == ".gz":
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    yield _bounded(file, raw, cast("io.RawIOBase", unpacked))
            elif file.compression == ".zst":
                yield _bounded(file, raw, _Zstandard(raw))
            elif file.end is not None and file.kind != "parquet":
                raw.seek(file.begin)
                with io.BufferedReader(_Piece(raw, file.end - file.begin), 1 << 17) as piece:
                    yield cast("BinaryIO", piece)
            else:
                yield raw
    except FileNotFoundError as error:
        raise DataError(f"{file}: no such file") from error
    except PermissionError as error:
        raise DataError(f"{file}: no permission to read it") from error
    except (gzip.BadGzipFile, zlib.error, EOFError, zstandard.ZstdError) as error:
        raise DataError(f"{file}: damaged or cut-off {file.compression} data ({error})") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror or error})") from error


def sniff(file: DataFile, head: bytes) -> None:
    """Refuse what is not text in one byte a character, by the first bytes.

    Raises:
        DataError: a UTF-16 or UTF-32 mark, the mark of another format, or NUL bytes.
    """
    for mark, encoding in _WIDE.items():
        if head.startswith(mark):
            raise DataError(
                f"{file}: is {encoding}, and only UTF-8 is read; "
                f"convert it: iconv -f {encoding} -t UTF-8"
            )
    for mark, what in _SIGNATURES.items():
        if head.startswith(mark):
            raise DataError(f"{file}: is {what}, not {_expected(file)}; formats: {FORMATS}")
    nul = head[:_SNIFFED].find(b"\0")
    if nul >= 0:
        raise DataError(
            f"{file}: byte {nul} is NUL, so it is not {_expected(file)} (UTF-16 without a mark has "
            f"such bytes too); formats: {FORMATS}"
        )


def _expected(file: DataFile) -> str:
    """What the extension promised."""
    return "text" if file.kind == "text" else f"{file.kind} text"


def _bounded(file: DataFile, raw: BinaryIO, unpacked: io.RawIOBase) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_Bounded(file, raw, unpacked), 1 << 17))


class _Readable(io.RawIOBase):
    """What can be read; nothing else."""

    def readable(self) -> bool:
        """It can."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill `buffer`; 0 at the end."""
        return self.fill(memoryview(buffer))

    @abstractmethod
    def fill(self, buffer: memoryview) -> int:
        """Put the next bytes into `buffer` and say how many; 0 at the end."""


class _Bounded(_Readable):
    """Unpacked bytes, as long as they are in some proportion to the packed ones."""

    def __init__(self, file: DataFile, raw: BinaryIO, unpacked: io.RawIOBase) -> None:
        self._file, self._raw, self._unpacked = file, raw, unpacked
        self._size = 0

    def fill(self, buffer: memoryview) -> int:
        """Fill `buffer`; 0 at the end."""
        size = self._unpacked.readinto(buffer) or 0
        self._size += size
        if self._size > _BOMB_BYTES and self._size > _BOMB_RATIO * self._raw.tell():
            raise DataError(
                f"{self._file}: unpacks to more than {_BOMB_RATIO} times its size "
                f"({self._size >> 20} MB so far), like a file made to fill a memory; if it is "
                "meant, unpack it yourself and name the unpacked file"
            )
        return size


class _Piece(_Readable):
    """The next `size` bytes of a stream."""

    def __init__(self, raw: BinaryIO, size: int) -> None:
        self._raw, self._left = raw, size

    def fill(self, buffer: memoryview) -> int:
        """Fill `buffer`; 0 at the end of the piece."""
        content = self._raw.read(min(len(buffer), self._left))
        buffer[: len(content)] = content
        self._left -= len(content)
        return len(content)


class _Zstandard(_Readable):
    """Zstandard frames as one stream. The library's own reader is silent about a cut-off file."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False  # whether the current frame has been given any byte
        self._input = b""
        self._output = memoryview(b"")

    def fill(self, buffer: memoryview) -> int:
        """Fill `buffer` from the next frames; 0 at the end of the last whole one."""
        while not self._output:
            self._input = self._input or self._raw.read(1 << 12)  # of a bomb 128 MB
            if not self._input:
                if self._begun:
                    raise EOFError("the last frame is not complete")
                return 0
            self._begun = True
            self._output = memoryview(self._frame.decompress(self._input))
            self._input = b""
            if self._frame.eof:
                self._input = self._frame.unused_data
                self._frame = zstandard.ZstdDecompressor().decompressobj()
                self._begun = False
        size = min(len(buffer), len(self._output))
        buffer[:size] = self._output[:size]
        self._output = self._output[size:]
        return size
