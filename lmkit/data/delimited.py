"""CSV, TSV and columns of tokens (CoNLL), read row by row."""

import csv
from collections.abc import Iterator

from lmkit.data.formats import DataFile
from lmkit.data.refusals import refuse
from lmkit.data.rows import Row
from lmkit.data.text import Reading, read_lines
from lmkit.errors import DataError

_LONGEST_CELL = 2**31 - 1  # the csv module's own limit of 128 KiB is less than a long document


def read_csv(file: DataFile, reading: Reading) -> Iterator[Row]:
    """The rows under a header line. Cells are text; an empty cell is an empty string.

    Quotes are those of RFC 4180, and one out of place is an error: the csv module's lenient
    reading would swallow the rows up to the next quote.

    Raises:
        DataError: no header, a column without a name or named twice, a row with more or fewer
            cells than the header, a quote out of place; each with its line.
    """
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(read_lines(file, reading), strict=True)
    names: list[str] | None = None
    number = line = 0
    while True:
        begun = line + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            number += 1
            refuse(_misquoted(file, begun, number, error))
            cells = []
        line = reader.line_num
        if cells is None:
            return
        if not cells:  # a blank line
            continue
        if names is None:
            names = _header(file, begun, cells)
            continue
        number += 1
        if (row := _cells(file, begun, number, names, cells)) is not None:
            yield row


def read_tsv(file: DataFile, reading: Reading) -> Iterator[Row]:
    """As `read_csv`, with tabs for commas and without its quotes.

    Files parted by tabs rarely quote, so a quote is an ordinary character; only a cell that is
    quoted whole, as spreadsheets write it, is unquoted.

    Raises:
        DataError: as `read_csv`.
    """
    names: list[str] | None = None
    number = 0
    for line, text in enumerate(read_lines(file, reading), start=1):
        text = text.rstrip("\r\n")
        if not text.strip():
            continue
        cells = [_unquoted(cell) for cell in text.split("\t")]
        if names is None:
            names = _header(file, line, cells)
            continue
        number += 1
        if (row := _cells(file, line, number, names, cells)) is not None:
            yield row


def read_conll(file: DataFile, reading: Reading) -> Iterator[Row]:
    """One sentence a row: `tokens` from the first column, `tags` from the last.

    Columns stand apart by tabs, or by spaces where there is no tab; sentences by blank lines
    (white space counts as blank). `-DOCSTART-` lines are passed over.

    Raises:
        DataError: a line without a tag, or with another number of columns than the first.
    """
    tokens: list[str] = []
    tags: list[str] = []
    width = begun = 0
    for number, line in enumerate(read_lines(file, reading), start=1):
        text = line.strip()
        if text and not text.startswith("-DOCSTART-"):
            columns = text.split("\t") if "\t" in text else text.split()
            width = width or len(columns)
            if len(columns) != width or width < 2:
                refuse(
                    DataError(
                        f"{file}:{number}: {len(columns)} columns ({text[:40]!r}), expected "
                        f"{max(width, 2)}: a token, its tag, and as many in every line"
                    )
                )
                continue
            begun = begun or number
            tokens.append(columns[0].strip())
            tags.append(columns[-1].strip())
        elif not text and tokens:
            yield Row({"tokens": tokens, "tags": tags}, f"{file}:{begun}")
            tokens, tags, begun = [], [], 0
    if tokens:
        yield Row({"tokens": tokens, "tags": tags}, f"{file}:{begun}")


def _misquoted(file: DataFile, line: int, number: int, error: csv.Error) -> DataError:
    """The error for a row whose quotes are out of place."""
    told = DataError(
        f"{file}:{line}: row {number}: {error}; a cell that holds quotes, commas or "
        'line ends is written "...", and each quote in it twice ("")'
    )
    told.__cause__ = error
    return told


def _header(file: DataFile, line: int, cells: list[str]) -> list[str]:
    """The column names, once each is there and stands alone."""
    names = [cell.strip() for cell in cells]
    if not names[0] and len(names) > 1:
        names[0] = "index"  # as pandas writes the row numbers that it saves
    if "" in names:
        raise DataError(
            f"{file}:{line}: column {names.index('') + 1} of the header has no name; the first "
            "line names the columns"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{file}:{line}: the header names column `{twice[0]}` more than once")
    if file.kind == "csv" and len(names) == 1 and (names[0].count(";") or names[0].count("\t")):
        mark = "semicolons" if ";" in names[0] else "tabs"
        raise DataError(
            f"{file}:{line}: the header `{names[0]}` is parted by {mark}; write the file with "
            "commas, or with tabs as .tsv"
        )
    return names


def _cells(
    file: DataFile, line: int, number: int, names: list[str], cells: list[str]
) -> Row | None:
    """One row, once it has a cell for each name; None where it is refused and passed over."""
    if len(cells) != len(names):
        refuse(
            DataError(
                f"{file}:{line}: row {number} has {len(cells)} cells, the header has {len(names)} "
                f"({', '.join(names)}); is a cell with the separator in it not quoted?"
            )
        )
        return None
    return Row(dict(zip(names, cells, strict=True)), f"{file}:{line}")


def _unquoted(cell: str) -> str:
    """A cell without the quotes around all of it, where the quotes inside it are doubled."""
    inner = cell[1:-1]
    if len(cell) < 2 or cell[0] != '"' or cell[-1] != '"' or '"' in inner.replace('""', ""):
        return cell
    return inner.replace('""', '"')
