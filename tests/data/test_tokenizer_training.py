"""Trained tokenizers: same bytes each time, opened by AutoTokenizer, equal to the references."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, BertTokenizer

from lmkit.data import tokenizer_training
from lmkit.data.tokenizer_training import END, PAD, UNKNOWN, train_tokenizer
from lmkit.errors import TokenizerError
from lmkit.recipe.sections import TokenizerTraining

TEXTS = [
    "The quick brown fox jumps over the lazy dog, again and again and again.",
    "def unhappiness(self):\n    return self.happiness_of_people - 1\n\n",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. 東京 🙂",
    "unhappy people are people who don't quickly return; Café, naïve, ÀÉÎ",
] * 3
TYPES = ["bpe", "wordpiece", "unigram", "byte", "wordlevel"]
HOSTILE = "a\x00b \r\n\t  \u200d\ufeff é e\u0301 ﬁ Ａ 👩‍👩‍👧 \U0010ffff <0x41> ##x [UNK] </s>"

TRAIN = """
import sys
from lmkit.data.tokenizer_training import train_tokenizer
from lmkit.recipe.sections import TokenizerTraining
texts = open(sys.argv[1], encoding="utf-8").read().split("\\x1e")
for kind in ("bpe", "wordpiece", "unigram", "byte", "wordlevel"):
    section = TokenizerTraining(type=kind, vocab_size=900)
    tokenizer = train_tokenizer(section, iter(texts), model_max_length=64, kind="causal")
    tokenizer.save_pretrained(f"{sys.argv[2]}/{kind}")
"""


def trained(kind_of_tokenizer, kind="causal", texts=TEXTS, vocab_size=450, **options):
    section = TokenizerTraining(type=kind_of_tokenizer, vocab_size=vocab_size, **options)
    return train_tokenizer(section, iter(texts), model_max_length=64, kind=kind)


@pytest.fixture(scope="module")
def causal():
    return {kind: trained(kind) for kind in TYPES}


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


@pytest.mark.parametrize("kind", ["causal", "masked"])
@pytest.mark.parametrize("type_", TYPES)
def test_autotokenizer_opens_what_was_saved(tmp_path, type_, kind):
    made = trained(type_, kind)
    made.save_pretrained(tmp_path)
    opened = AutoTokenizer.from_pretrained(tmp_path)
    assert opened.is_fast
    assert opened.special_tokens_map == made.special_tokens_map
    assert opened.model_max_length == 64
    assert opened.clean_up_tokenization_spaces is False
    assert opened.get_vocab() == made.get_vocab()
    for text in [*TEXTS, HOSTILE]:
        ids = made(text)
        assert opened(text) == ids
        assert opened.decode(ids["input_ids"]) == made.decode(ids["input_ids"])


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("model_type", ["gpt2", "bert", "llama", "t5"])
def test_a_model_configuration_beside_it_changes_nothing(tmp_path, type_, model_type, causal):
    causal[type_].save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    opened = AutoTokenizer.from_pretrained(tmp_path)
    assert opened(HOSTILE) == causal[type_](HOSTILE)


@pytest.mark.parametrize("type_", TYPES)
def test_special_tokens_of_causal_models_come_first(type_, causal):
    tokenizer = causal[type_]
    assert tokenizer.convert_ids_to_tokens([0, 1]) == ["<|endoftext|>", "<|pad|>"]
    assert tokenizer.eos_token_id == tokenizer.bos_token_id == 0
    assert tokenizer.pad_token_id == 1
    assert tokenizer("a<|endoftext|>b")["input_ids"].count(0) == 1
    assert list(tokenizer("again")) == ["input_ids", "attention_mask"]
    assert 0 not in tokenizer("again")["input_ids"]


@pytest.mark.parametrize("type_", TYPES)
def test_special_tokens_of_masked_models_are_those_of_bert(type_):
    tokenizer = trained(type_, "masked")
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert tokenizer.convert_ids_to_tokens(range(5)) == names
    assert set(tokenizer.all_special_tokens) == set(names)
    pair = tokenizer("again", "and")
    middle = pair["input_ids"].index(3)
    assert pair["input_ids"][0] == 2
    assert pair["input_ids"][-1] == 3
    assert pair["token_type_ids"] == [0] * (middle + 1) + [1] * (
        len(pair["input_ids"]) - middle - 1
    )
    assert tokenizer("a [MASK] b")["input_ids"].count(4) == 1


@pytest.mark.parametrize("type_", ["bpe", "byte"])
@settings(deadline=None)
@given(text=st.text() | st.text("\x00\r\n\t \u200d\ufeff\U0010ffffé́'s  <|>"))
def test_byte_level_types_give_back_any_text(type_, causal, text):
    tokenizer = causal[type_]
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁")))
def test_unigram_gives_back_any_text_but_for_nfkc_and_one_leading_space(causal, text):
    tokenizer = causal["unigram"]
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.unk_token_id not in ids
    expected = tokenizer.backend_tokenizer.normalizer.normalize_str(text)
    assert tokenizer.decode(ids) == expected.removeprefix(" ")


def test_unigram_does_not_take_a_spelled_byte_for_the_byte(causal):
    assert causal["unigram"].decode(causal["unigram"]("<0x41>")["input_ids"]) == "<0x41>"


def test_byte_has_a_token_for_each_byte_in_order(causal):
    tokenizer = causal["byte"]
    assert len(tokenizer) == 258
    assert tokenizer("héllo\n")["input_ids"] == [byte + 2 for byte in "héllo\n".encode()]


def test_bpe_is_that_of_tokenizers(causal):
    peer = Tokenizer(models.BPE())
    peer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    peer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=450,
        min_frequency=2,
        special_tokens=["<|endoftext|>", "<|pad|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    peer.train_from_iterator(TEXTS, trainer)
    for text in [*TEXTS, HOSTILE]:
        assert causal["bpe"](text)["input_ids"] == peer.encode(text).ids


@pytest.mark.parametrize("lowercase", [True, False])
def test_wordpiece_reads_as_the_bert_tokenizer_does(lowercase):
    tokenizer = trained("wordpiece", "masked", lowercase=lowercase, vocab_size=400)
    bert = BertTokenizer(vocab=tokenizer.get_vocab(), do_lower_case=lowercase)
    for text in [*TEXTS, HOSTILE, "x" * 101, "don't stop!", ""]:
        assert tokenizer(text)["input_ids"] == bert(text)["input_ids"]
        assert tokenizer(text, "a b")["input_ids"] == bert(text, "a b")["input_ids"]
        ids = bert(text)["input_ids"]
        assert tokenizer.decode(ids) == bert.decode(ids)


def test_wordpiece_holds_words_that_occur_often():
    tokens = trained("wordpiece", vocab_size=400).get_vocab()
    assert {"people", "again", "##s", "un"} & set(tokens) >= {"people", "again", "##s"}
    plain = [token for token in tokens if not token.startswith("##")]
    assert {token[2:] for token in tokens if token.startswith("##") and len(token) == 3} <= set(
        plain
    )


def test_a_token_is_a_word_as_white_space_sets_it_apart():
    texts = ["a rare <unk> word , a @-@ b a\n", "a word , <unk> b a <unk>"]
    made = trained("wordlevel", texts=texts, vocab_size=100)
    counts = Counter(word for text in texts for word in text.split() if word != "<unk>")
    often = sorted((word for word in counts if counts[word] > 1), key=lambda w: (-counts[w], w))
    names = [END, PAD, UNKNOWN]
    assert made.convert_ids_to_tokens(list(range(len(made)))) == [*names, *often]
    ids = made(texts[0], add_special_tokens=False)
    assert made.convert_ids_to_tokens(ids["input_ids"]) == [
        word if word in often else "<unk>" for word in texts[0].split()
    ]
    assert made.decode(made("a word ,")["input_ids"]) == "a word ,"


@pytest.mark.parametrize("type_", TYPES)
def test_lowercase_is_as_the_recipe_says(type_):
    lower = trained(type_, lowercase=True)
    assert lower("ABC É")["input_ids"] == lower("abc é")["input_ids"]
    kept = trained(type_, lowercase=False)
    assert kept("The")["input_ids"] != kept("the")["input_ids"]


@pytest.mark.parametrize("type_", ["bpe", "wordpiece", "unigram", "wordlevel"])
def test_vocab_size_is_a_limit_special_tokens_included(type_):
    texts = [" ".join(f"w{i % 97}x{i % 89}" for i in range(4000))]
    size = {"bpe": 300, "wordpiece": 100, "unigram": 300, "wordlevel": 300}[type_]
    made = trained(type_, texts=texts, vocab_size=size, min_frequency=1)
    assert size - 6 <= len(made) <= size


@pytest.mark.parametrize(
    ("type_", "needed"),
    [
        ("bpe", "256 bytes need 258"),
        ("unigram", "need 279"),
        ("wordpiece", "a character need 5"),
    ],
)
def test_a_vocabulary_too_small_is_named(type_, needed):
    with pytest.raises(TokenizerError, match=rf"vocab_size: 4 is too small for type.*{needed}"):
        trained(type_, vocab_size=4)


@pytest.mark.parametrize("type_", ["bpe", "wordpiece"])
def test_a_long_document_is_handed_over_in_parts(type_, monkeypatch):
    texts = ["again and\nunhappily,\n\n  they sat.\n" * 20]
    whole = trained(type_, texts=texts).get_vocab()
    monkeypatch.setattr(tokenizer_training, "PART", 50)
    assert trained(type_, texts=texts).get_vocab() == whole


def test_parts_end_between_lines_where_they_can(monkeypatch):
    monkeypatch.setattr(tokenizer_training, "PART", 10)
    parts = list(tokenizer_training._in_parts(["aaa\nbb\n\ncccc\nddd eeeeeeeeeeeeeeeeeeee", ""]))
    assert parts == ["aaa\n", "bb\n\ncccc\n", "ddd eeeeee", "eeeeeeeeee", "eeee", ""]


@pytest.mark.slow
def test_the_same_text_gives_the_same_bytes_in_every_process(tmp_path, test_data):
    text = (test_data / "wikitext2" / "valid.txt").read_text(encoding="utf-8")[:300_000]
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(text.replace("\n", "\x1e"), encoding="utf-8")
    outcomes = []
    for run, threads in enumerate(["1", "2", "3"]):
        folder = tmp_path / str(run)
        environment = os.environ | {
            "RAYON_NUM_THREADS": threads,
            "TOKENIZERS_PARALLELISM": "true",
            "PYTHONHASHSEED": str(run),
        }
        command = [sys.executable, "-c", TRAIN, str(corpus), str(folder)]
        subprocess.run(command, check=True, env=environment)
        outcomes.append({type_: files(folder / type_) for type_ in TYPES})
    assert outcomes[0] == outcomes[1] == outcomes[2]


@pytest.mark.parametrize("kind_of_tokenizer", TYPES)
def test_a_seq2seq_tokenizer_ends_each_text_as_t5_does(kind_of_tokenizer):
    made = trained(kind_of_tokenizer, kind="seq2seq")
    assert (made.pad_token_id, made.eos_token_id, made.bos_token_id) == (0, 1, None)
    plain = made("the lazy dog,", add_special_tokens=False)["input_ids"]
    assert made("the lazy dog,")["input_ids"] == [*plain, 1]
    assert made("a", "b")["input_ids"].count(1) == 2
    assert made.decode([*plain, 1, 0], skip_special_tokens=True).strip() == "the lazy dog,"
