"""Tests of lmkit/data/token_writer.py."""

from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, PythonBackend

from lmkit.data import token_writer
from lmkit.data.rows import Row
from lmkit.data.token_writer import write_tokens
from lmkit.errors import DataError, TokenizerError


class Texts:
    """A source of texts in memory."""

    name = "train"

    def __init__(self, texts):
        self.texts = texts

    def rows(self):
        for number, text in enumerate(self.texts, start=1):
            yield Row({"text": text}, f"texts.jsonl:{number}")

    def fingerprint(self):
        return "0" * 64

    def describe(self):
        return []


class Letters(PythonBackend):
    """A tokenizer without a backend: one token a character, its code point as id."""

    @property
    def vocab_size(self):
        return 128

    def get_vocab(self):
        return {chr(code): code for code in range(128)}

    def _tokenize(self, text):
        return list(text)

    def _convert_token_to_id(self, token):
        return ord(token) if len(token) == 1 else 0

    def _convert_id_to_token(self, index):
        return chr(index)


def written(folder, texts, tokenizer, dtype="<u2"):
    counts = write_tokens(folder, Texts(texts), tokenizer, text_column="text", dtype=dtype)
    tokens = np.fromfile(folder / "tokens.bin", dtype=dtype)
    offsets, sizes = np.load(folder / "offsets.npy"), np.load(folder / "bytes.npy")
    assert counts == (len(texts), sizes.sum(), len(tokens))
    assert sizes.tolist() == [len(text.encode()) for text in texts]
    documents = [tokens[b:e].tolist() for b, e in pairwise(offsets)]
    assert list(chain.from_iterable(documents)) == tokens.tolist()
    return documents


texts = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
    min_size=1,
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=texts, batch=st.integers(1, 30))
def test_each_document_is_encoded_by_itself(tmp_path, monkeypatch, byte_tokenizer, texts, batch):
    monkeypatch.setattr(token_writer, "_BATCH_CHARACTERS", batch)
    expected = [[*byte_tokenizer(text)["input_ids"], 0] for text in texts]
    assert written(tmp_path, texts, byte_tokenizer) == expected


def test_the_text_of_a_special_token_stays_text(tmp_path, byte_tokenizer):
    (document,) = written(tmp_path, ["a <|endoftext|> b"], byte_tokenizer)
    assert document.count(0) == 1
    assert byte_tokenizer.decode(document[:-1]) == "a <|endoftext|> b"
    # What is encoded afterwards for other purposes is encoded as before.
    assert 0 in byte_tokenizer("a <|endoftext|> b")["input_ids"]


def test_tokens_that_the_user_added_are_found(tmp_path, byte_tokenizer):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(byte_tokenizer.backend_tokenizer.to_str()),
        eos_token="<|endoftext|>",
    )
    tokenizer.add_tokens(["<math>"])
    (document,) = written(tmp_path, ["a<math>b"], tokenizer)
    assert document[1] == tokenizer.convert_tokens_to_ids("<math>")


def test_truncation_and_padding_of_the_backend_are_put_aside(tmp_path, byte_tokenizer):
    backend = Tokenizer.from_str(byte_tokenizer.backend_tokenizer.to_str())
    backend.enable_truncation(3)
    backend.enable_padding(length=8)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")
    backend = tokenizer.backend_tokenizer
    backend.enable_truncation(3)
    backend.enable_padding(length=8)
    before = backend.truncation, backend.padding
    (document,) = written(tmp_path, ["a text of many more than three tokens"], tokenizer)
    assert tokenizer.decode(document[:-1]) == "a text of many more than three tokens"
    assert (backend.truncation, backend.padding) == before


def test_a_tokenizer_written_in_python(tmp_path):
    tokenizer = Letters(eos_token="~")
    expected = [[97, 98, end := tokenizer.eos_token_id], [126, 99, end]]
    assert written(tmp_path, ["ab", "~c"], tokenizer) == expected


def test_large_vocabularies(tmp_path, byte_tokenizer):
    assert written(tmp_path, ["abc"], byte_tokenizer, "<u4") == written(
        tmp_path, ["abc"], byte_tokenizer
    )


def test_half_a_surrogate_pair_is_named(tmp_path, byte_tokenizer):
    with pytest.raises(DataError, match=r"texts\.jsonl:2: character 3 of .*`text` is U\+D83D"):
        write_tokens(
            tmp_path, Texts(["ok", "abc\ud83d"]), byte_tokenizer, text_column="text", dtype="<u2"
        )


@pytest.mark.parametrize("texts", [[], ["\u200b"]])
def test_a_corpus_without_tokens_is_refused(tmp_path, word_tokenizer, texts):
    with pytest.raises(DataError, match=f"train: no text in {len(texts)} documents"):
        write_tokens(tmp_path, Texts(texts), word_tokenizer, text_column="text", dtype="<u2")


def test_a_panic_of_the_backend_is_the_tokenizer_s_error(tmp_path):
    backend = Tokenizer(models.BPE(vocab={"a": 0, "</s>": 1}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex("(a+)+b"), "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>")
    with pytest.raises(TokenizerError, match=r"failed between texts\.jsonl:1 and texts\.jsonl:2"):
        write_tokens(tmp_path, Texts(["a", "a" * 30]), tokenizer, text_column="text", dtype="<u2")
