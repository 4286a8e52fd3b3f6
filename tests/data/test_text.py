"""Text files: documents, decoding, and the byte an error names."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data import text as module
from lmkit.data.formats import data_file
from lmkit.data.text import Reading, read_chunks, read_lines, read_text
from lmkit.errors import DataError

TEXT = "\n one\r\ntwo\n \t\n\n  three\nfour"


@pytest.fixture
def write(tmp_path):
    def write(content, name="a.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return data_file(path)

    return write


def documents(file, **options):
    return [
        (row.values["text"], row.origin.rpartition("a.txt")[2])
        for row in read_text(file, Reading(**options))
    ]


def test_whole_file_keeps_every_character(write):
    assert documents(write(TEXT)) == [(TEXT, "")]


def test_lines(write):
    expected = [(" one", ":2"), ("two", ":3"), ("  three", ":6"), ("four", ":7")]
    assert documents(write(TEXT), document="line") == expected


def test_paragraphs(write):
    expected = [(" one\r\ntwo", ":2"), ("  three\nfour", ":6")]
    assert documents(write(TEXT), document="paragraph") == expected


def test_column_is_the_one_the_task_reads(write):
    (row,) = read_text(write("a"), Reading(text_column="content"))
    assert row.values == {"content": "a"}


@pytest.mark.parametrize("document", ["file", "line", "paragraph"])
def test_byte_order_mark_is_no_text(write, document):
    assert documents(write(b"\xef\xbb\xbfab"), document=document)[0][0] == "ab"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("document", ["file", "line", "paragraph"])
def test_byte_that_is_not_utf8_is_named_by_its_place_in_the_file(write, document, mark):
    content = mark + "Grüße\nzwei\n\nab".encode() + b"\xff\n"
    with pytest.raises(DataError) as caught:
        documents(write(content), document=document)
    place = content.index(b"\xff")
    assert f"a.txt: byte {place} is not UTF-8 (0xff" in str(caught.value)
    assert "set data.errors: replace" in str(caught.value)


def test_replace_and_ignore(write):
    file = write(b"a\xffb")
    assert documents(file, errors="replace") == [("a\ufffdb", "")]
    assert documents(file, errors="ignore") == [("ab", "")]


def test_utf16_is_said(write):
    with pytest.raises(DataError, match="is UTF-16"):
        documents(write("words".encode("utf-16")), errors="replace")


@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    size=st.integers(1, 9),
)
def test_chunks_and_lines_give_back_the_text(tmp_path_factory, text, size):
    path = tmp_path_factory.getbasetemp() / "chunks.txt"
    # A character before it, so that no text begins with the mark of another encoding.
    path.write_bytes(("x" + text).encode())
    before, module._CHUNK = module._CHUNK, size
    try:
        assert "".join(read_chunks(data_file(path), Reading())) == "x" + text
        assert "".join(read_lines(data_file(path), Reading())) == "x" + text
    finally:
        module._CHUNK = before


@given(content=st.binary(max_size=30), size=st.integers(1, 9))
def test_chunks_fail_where_a_whole_read_fails(tmp_path_factory, content, size):
    path = tmp_path_factory.getbasetemp() / "bytes.txt"
    content = b"x" + content.replace(b"\0", b"")
    path.write_bytes(content)
    before, module._CHUNK = module._CHUNK, size
    try:
        content.decode()
    except UnicodeDecodeError as expected:
        with pytest.raises(DataError, match=f"byte {expected.start} is not UTF-8"):
            list(read_chunks(data_file(path), Reading()))
    else:
        assert "".join(read_chunks(data_file(path), Reading())) == content.decode()
    finally:
        module._CHUNK = before


@pytest.mark.parametrize("document", ["line", "paragraph"])
def test_memory_does_not_grow_with_the_file(write, document):
    file = write((b"some words of a line " * 100 + b"\n\n") * 2_000)  # 4.2 MB
    tracemalloc.start()
    count = sum(1 for _ in read_text(file, Reading(document=document)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 2_000
    assert peak < 500_000
