"""CSV, TSV and CoNLL; what csv.DictReader or a plain split reads is the reference."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.delimited import read_conll, read_csv, read_tsv
from lmkit.data.formats import data_file
from lmkit.data.text import Reading
from lmkit.errors import DataError

READERS = {"csv": read_csv, "tsv": read_tsv, "conll": read_conll}


@pytest.fixture
def write(tmp_path):
    def write(content, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return data_file(path)

    return write


def rows(file):
    return list(READERS[file.kind](file, Reading()))


def values(file):
    return [row.values for row in rows(file)]


def message(file):
    with pytest.raises(DataError) as caught:
        rows(file)
    return str(caught.value).partition(str(file.path))[2]


def test_csv(write):
    file = write('text,label\r\n"a, ""b""\nc",x\r\n\r\nd,\r\n')
    assert values(file) == [{"text": 'a, "b"\nc', "label": "x"}, {"text": "d", "label": ""}]
    assert [row.origin.rpartition(":")[2] for row in rows(file)] == ["2", "5"]


def test_byte_order_mark_is_not_in_the_first_name(write):
    assert values(write(b"\xef\xbb\xbftext\na\n")) == [{"text": "a"}]


def test_row_numbers_that_pandas_saved(write):
    assert values(write(",text\n0,a\n")) == [{"index": "0", "text": "a"}]


def test_long_cell(write):
    text = "word " * 100_000
    assert values(write(f"text\n{text}\n")) == [{"text": text}]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (
            "text,label\na,b\na,b,c\n",
            ":3: row 2 has 3 cells, the header has 2 (text, label); is a cell with the separator",
        ),
        ("text,label\na\n", ":2: row 1 has 1 cells, the header has 2"),
        ('text,label\na,b\n"a"b,c\n', ":3: row 2: ',' expected after '\"'; a cell that holds"),
        ('text,label\na,b\n"a,c\nd,e\n', ":3: row 2: unexpected end of data; a cell that holds"),
        ("text,text\na,b\n", ":1: the header names column `text` more than once"),
        ("text,,label\na,b,c\n", ":1: column 2 of the header has no name"),
        ("text;label\na;b\n", ":1: the header `text;label` is parted by semicolons"),
        ("text\tlabel\na\tb\n", "is parted by tabs; write the file with commas, or with tabs"),
    ],
)
def test_bad_csv_is_named(write, content, found):
    assert found in message(write(content))


def test_header_alone_holds_no_row(write):
    assert values(write("text,label\n")) == []


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(table=st.lists(st.tuples(CELLS, CELLS), max_size=6))
def test_csv_gives_back_what_the_csv_module_wrote(tmp_path_factory, table):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    with io.StringIO(newline="") as text:
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *table])
        path.write_bytes(text.getvalue().encode())
    assert [tuple(row.values()) for row in values(data_file(path))] == table


def test_csv_from_the_field(test_data):
    path = test_data / "ag_news" / "train.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        assert values(data_file(path)) == list(csv.DictReader(stream))


def test_tsv_takes_quotes_as_they_are(write):
    content = 'text\tlabel\nsay "hi" now\tx\n"all of it"\ty\n"one" and "two"\tz\n5" disk\tw\n'
    assert [row["text"] for row in values(write(content, "a.tsv"))] == [
        'say "hi" now',
        "all of it",
        '"one" and "two"',
        '5" disk',
    ]


def test_tsv_unquotes_doubled_quotes(write):
    assert values(write('text\tb\n"a ""b"""\tc\n', "a.tsv")) == [{"text": 'a "b"', "b": "c"}]


def test_ragged_tsv(write):
    assert message(write("a\tb\n1\t2\n1\n", "a.tsv")).startswith(":3: row 2 has 1 cells")


def test_conll(write):
    file = write("-DOCSTART-\tO\n\nAda\tNNP\tB-PER\nsat\tVB\tO\n\t\nHere\tRB\tO\n", "a.conll")
    assert values(file) == [
        {"tokens": ["Ada", "sat"], "tags": ["B-PER", "O"]},
        {"tokens": ["Here"], "tags": ["O"]},
    ]
    assert [row.origin.rpartition(":")[2] for row in rows(file)] == ["3", "6"]


def test_conll_parted_by_spaces(write):
    assert values(write("# O\n\n\nAda B-PER", "a.iob2")) == [
        {"tokens": ["#"], "tags": ["O"]},
        {"tokens": ["Ada"], "tags": ["B-PER"]},
    ]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("Ada\tO\nsat\n", ":2: 1 columns ('sat'), expected 2: a token, its tag"),
        ("Ada\n", ":1: 1 columns ('Ada'), expected 2"),
        ("Ada\tO\nsat\tVB\tO\n", ":2: 3 columns"),
    ],
)
def test_bad_conll_is_named(write, content, found):
    assert message(write(content, "a.conll")).startswith(found)


@pytest.mark.parametrize(("name", "sentences"), [("train", 3394), ("dev", 1009), ("test", 1287)])
def test_conll_from_the_field(test_data, name, sentences):
    found = values(data_file(test_data / "wnut17" / f"{name}.conll"))
    assert len(found) == sentences
    assert all(len(row["tokens"]) == len(row["tags"]) for row in found)
    assert {tag.partition("-")[0] for row in found for tag in row["tags"]} == {"O", "B", "I"}
