"""A vocabulary of sentencepiece is opened right, or not at all."""

import importlib.util
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmkit.data import tokenizer_loading
from lmkit.data.sentencepiece_file import check_sentencepiece
from lmkit.data.tokenizer_loading import load_tokenizer
from lmkit.errors import MissingExtraError, TokenizerError

spm = pytest.importorskip("sentencepiece")
LINES = [f"the number {number} is {'even' if number % 2 == 0 else 'odd'}" for number in range(500)]


@pytest.fixture(scope="session")
def model() -> bytes:
    made = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=made, vocab_size=60, minloglevel=2,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
    )  # fmt: skip
    return made.getvalue()


@pytest.fixture
def folder(tmp_path: Path, model: bytes) -> Path:
    (tmp_path / "spiece.model").write_bytes(model)
    settings = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    return tmp_path


def test_it_cuts_as_the_library_does(folder: Path, model: bytes) -> None:
    opened = load_tokenizer(str(folder))
    theirs = spm.SentencePieceProcessor(model_proto=model)
    for line in (LINES[3], LINES[44], "odd odd the even"):
        assert opened(line, add_special_tokens=False)["input_ids"] == theirs.encode(line)


def test_without_the_library_it_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "sentencepiece" else find(name)
    )
    with pytest.raises(MissingExtraError, match=r"spiece\.model: .*lmkit\[sentencepiece\]"):
        load_tokenizer(str(folder))
    (folder / "spiece.model").unlink()
    (folder / "tokenizer.model").write_bytes(b"YQ== 0\nYg== 1\n")
    check_sentencepiece(folder / "tokenizer.model")  # tiktoken's needs no library


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(data=st.data())
def test_damage_is_told(folder: Path, model: bytes, data: st.DataObject) -> None:
    content = data.draw(
        st.sampled_from([b"", b"\0" * 100, model[: len(model) // 2]]) | st.binary(max_size=60)
    )
    (folder / "spiece.model").write_bytes(content)
    with pytest.raises(TokenizerError, match=r"spiece\.model"):
        check_sentencepiece(folder / "spiece.model")


def test_a_file_larger_than_any_vocabulary_is_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenizer_loading, "_LARGEST", 1 << 10)
    with pytest.raises(TokenizerError, match=r"spiece\.model: has .* MB, which no tokenizer"):
        load_tokenizer(str(folder))
