"""Formats by name, compression, and what is not text."""

import gzip
import random

import pytest
import zstandard

from lmkit.data.formats import _SIGNATURES, data_file, is_known, open_bytes, sniff
from lmkit.errors import DataError


@pytest.fixture
def content():
    """Bytes that do not compress well, of several buffers."""
    return random.Random(0).randbytes(300_000)


def write(path, data):
    path.write_bytes(data)
    return data_file(path)


def read(file):
    with open_bytes(file) as stream:
        return stream.read()


@pytest.mark.parametrize(
    ("name", "kind", "compression"),
    [
        ("a.txt", "text", ""),
        ("a.PY", "text", ""),
        ("README", "text", ""),
        ("a.dat.gz", "text", ".gz"),
        ("a.json", "json", ""),
        ("a.ndjson.zst", "jsonl", ".zst"),
        ("a.b.CSV.GZ", "csv", ".gz"),
        ("a.tsv", "tsv", ""),
        ("a.parquet", "parquet", ""),
        ("a.arrow", "arrow", ""),
        ("a.iob2", "conll", ""),
    ],
)
def test_format_by_name(tmp_path, name, kind, compression):
    file = data_file(tmp_path / name)
    assert (file.kind, file.compression) == (kind, compression)


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.tgz", "a.tar.zst"])
def test_archive_is_refused_with_the_way_out(tmp_path, name):
    with pytest.raises(DataError, match="archives are not read; unpack it and name the folder"):
        data_file(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "opened"),
    [("a.pkl", "read_pickle"), ("a.pt", "torch.load"), ("a.npy.gz", "numpy.load")],
)
def test_pickles_are_refused_with_the_way_to_convert_them(tmp_path, name, opened):
    with pytest.raises(DataError, match=rf"{name}: .*run code .*where you trust .*{opened}.*jsonl"):
        data_file(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "known"),
    [("a.txt", True), ("a.jsonl.zst", True), ("a.png", False), ("a.gz", False), ("a", False)],
)
def test_what_a_folder_is_searched_for(tmp_path, name, known):
    assert is_known(tmp_path / name) is known


def test_gzip_of_several_members(tmp_path, content):
    packed = gzip.compress(content[:1000]) + gzip.compress(content[1000:])
    assert read(write(tmp_path / "a.txt.gz", packed)) == content


def test_zstandard_of_several_frames(tmp_path, content):
    pack = zstandard.ZstdCompressor().compress
    packed = pack(content[:1000]) + pack(b"") + pack(content[1000:])
    assert read(write(tmp_path / "a.txt.zst", packed)) == content


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_cut_off_file_is_no_shorter_file(tmp_path, content, suffix, kept):
    packed = (gzip if suffix == ".gz" else zstandard).compress(content)
    file = write(tmp_path / f"a.txt{suffix}", packed[: int(len(packed) * kept)])
    with pytest.raises(DataError, match=rf"a.txt{suffix}: damaged or cut-off {suffix} data"):
        read(file)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_damaged_file(tmp_path, content, suffix):
    file = write(tmp_path / f"a.txt{suffix}", content)
    with pytest.raises(DataError, match="damaged or cut-off"):
        read(file)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_empty_file_is_empty(tmp_path, suffix):
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[suffix]
    assert read(write(tmp_path / f"a.txt{suffix}", pack(b""))) == b""


def test_file_that_is_gone(tmp_path):
    with pytest.raises(DataError, match=r"a.txt: no such file"):
        read(data_file(tmp_path / "a.txt"))


def test_file_that_may_not_be_read(tmp_path, monkeypatch):
    file = write(tmp_path / "a.txt", b"a")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(DataError, match=r"a.txt: no permission to read it"):
        read(file)


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-32"])
def test_wide_text_is_recognised(tmp_path, encoding):
    with pytest.raises(
        DataError, match=f"is {encoding}, and only UTF-8 is read.*iconv -f {encoding}"
    ):
        sniff(data_file(tmp_path / "a.txt"), "words".encode(encoding))


@pytest.mark.parametrize("mark", _SIGNATURES)
def test_other_formats_are_named(tmp_path, mark):
    with pytest.raises(
        DataError, match=r"is an? .* not text; formats: txt|is .* not text; formats"
    ):
        sniff(data_file(tmp_path / "a.dat"), mark + b" and more")


def test_binary_content_is_refused_with_the_byte(tmp_path):
    with pytest.raises(DataError, match=r"byte 3 is NUL, so it is not jsonl text .*parquet"):
        sniff(data_file(tmp_path / "a.jsonl"), b"abc\0")


def test_text_passes(tmp_path):
    sniff(data_file(tmp_path / "a.txt"), "Grüße".encode())


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr("lmkit.data.formats._BOMB_BYTES", 1 << 20)
    content = b"a" * (32 << 20)
    packed = gzip.compress(content, 9) if suffix == ".gz" else zstandard.compress(content, 19)
    assert len(packed) < 40_000
    file = write(tmp_path / f"a.jsonl{suffix}", packed)
    with pytest.raises(DataError, match=r"unpacks to more than 300 times its size \(\d+ MB so far"):
        read(file)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_small_file_may_pack_well(tmp_path, suffix):
    content = b"a" * (4 << 20)
    packed = gzip.compress(content, 9) if suffix == ".gz" else zstandard.compress(content, 19)
    assert read(write(tmp_path / f"a.txt{suffix}", packed)) == content
