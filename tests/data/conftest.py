"""Small corpora and tokenizers that several tests of lmkit/data use."""

from typing import NamedTuple

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

TEXTS = [
    "The quick brown fox jumps over the lazy dog, again and again.",
    "def unhappiness(self):\n    return self.happiness_of_people - 1\n",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. 東京 🙂",
]


class Corpus(NamedTuple):
    """A corpus in memory: the same names as `TokenCorpus`."""

    tokens: np.ndarray
    offsets: np.ndarray
    bytes: np.ndarray


def corpus_of(documents: list[list[int]]) -> Corpus:
    """Documents whose last token is their end token; byte counts 10, 11, ..."""
    sizes = [len(document) for document in documents]
    tokens = np.array([token for document in documents for token in document], dtype=np.uint16)
    offsets = np.cumsum([0, *sizes]).astype(np.int64)
    return Corpus(tokens, offsets, np.arange(10, 10 + len(documents)))


@pytest.fixture(scope="session")
def make_corpus():
    """A function from lists of ids, each with its end token, to a corpus."""
    return corpus_of


@pytest.fixture(scope="session")
def byte_tokenizer():
    """A byte-level BPE like GPT-2's: one special token, `<|endoftext|>`, id 0."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(TEXTS * 2, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")


@pytest.fixture(scope="session")
def word_tokenizer():
    """A WordPiece like BERT's, lower case, ids 0 to 4 special."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = "abcdefghijklmnopqrstuvwxyz.,-"
    pieces = [*letters, *(f"##{letter}" for letter in letters)]
    words = ["the", "quick", "fox", "un", "##happi", "##ness", "people", "##ing", "run"]
    entries = {token: number for number, token in enumerate([*special, *pieces, *words])}
    backend = Tokenizer(models.WordPiece(entries, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    names = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"]
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, **dict(zip(names, special, strict=True))
    )


@pytest.fixture
def write(tmp_path):
    """`write("folder/a.txt", "text")`: a file, and its path."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write
