"""`tiktoken` and `tokenizers` give the same ids, or `tiktoken` is not used."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import GPT2Tokenizer

from lmkit.data import fast_bpe
from lmkit.data.fast_bpe import GPT2, PATTERNS, FastBPE, NotProvenError, characters_apart
from lmkit.data.tokenizer_training import train_tokenizer
from lmkit.recipe.sections import TokenizerTraining

GPT2_FILES = Path(os.environ.get("LMKIT_TEST_DATA", "")) / "tokenizers/gpt2"
CORPUS = [
    "It's what they'll say: we've I'd you're I'm don't, 'tis  \t\n\n  12345 ½ Ⅷ\r\n",
    "    def naïve_function(self):\n        return 'Überstraße' + \"東京タワー\" # 🙂👩‍👩‍👧\n\n\n",
    "aaaa aaa aa abababab  xx   yyy\u00a0\u2003z\u0085w\u2028v e\u0301a\u0300 नमस्ते مرحبا שלום ไทย",
] * 3

# Letters in odd cases, marks that combine, every kind of space, controls, emoji and what joins them
HOSTILE = st.sampled_from(
    [
        *" \t\n\r\v\f\0\x1c\x1f\x7f\x85\xa0\xad\u1680\u180e\u2000\u2009\u200a\u200b\u200c\u200d",
        *"\u2028\u2029\u202f\u205f\u2060\u3000\ufeff'’ʼſKſıİßẞ²½Ⅷ٣३৩０۵",
        *"\u0301\u0300\u20dd\ufe0f\U000e0041",
        *("'s", "'S", "'ſ", "'ll", "'LL", "'re", "'Ve", "'m", "'d", "'t", "<|endoftext|>", "\r\n"),
        *"aabbAZzé東京あアกّ👩👨🏽🇩🇪\U00010000\U0010fffd\ufffd!?.,-_#$%^&*()[]{}/\\012345",
    ]
)
TEXTS = st.one_of(
    st.lists(HOSTILE, max_size=40).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.text("ab ", max_size=300),
)


def trained(pattern=GPT2, vocab_size=600, normalizer=None):
    """The backend of a tokenizer that lmkit trains, cut by `pattern`."""
    section = TokenizerTraining(type="bpe", vocab_size=vocab_size)
    learned = train_tokenizer(section, CORPUS, model_max_length=64, kind="causal")
    backend = Tokenizer.from_str(learned.backend_tokenizer.to_str())
    if pattern != GPT2:
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(pattern), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    if normalizer is not None:
        backend.normalizer = normalizer
    backend.encode_special_tokens = True
    return backend


BACKENDS = {pattern: trained(pattern) for pattern in sorted(PATTERNS)}
FAST = {pattern: FastBPE(backend) for pattern, backend in BACKENDS.items()}


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
@given(text=TEXTS)
@example("")
@example(" " * 300 + "a" * 300)
@example("a" * 99 + "b" * 101 + "\n" * 100)
def test_the_ids_are_those_of_tokenizers(pattern, text):
    ids = FAST[pattern].encode(text)
    assert ids is not None
    assert ids.tolist() == BACKENDS[pattern].encode(text, add_special_tokens=False).ids


@pytest.fixture(scope="module")
def gpt2():
    if not (GPT2_FILES / "vocab.json").is_file():
        pytest.skip("LMKIT_TEST_DATA has no tokenizers/gpt2")
    backend = GPT2Tokenizer.from_pretrained(GPT2_FILES).backend_tokenizer
    backend.encode_special_tokens = True
    return FastBPE(backend), backend


@given(text=TEXTS)
def test_gpt2_s_own_vocabulary(gpt2, text):
    fast, backend = gpt2
    ids = fast.encode(text)
    assert ids is not None
    assert ids.tolist() == backend.encode(text, add_special_tokens=False).ids


def test_both_know_the_same_characters_in_every_plane():
    """A sample of all: every 64th, and the ends of blocks; the rest is looked up when it occurs."""
    codes = {*range(0, 0x110000, 64), *range(0, 0x3000, 7), *range(255, 0x110000, 256)}
    text = "".join(chr(code) for code in sorted(codes) if not 0xD800 <= code < 0xE000)
    assert characters_apart(text) == set()


def test_a_character_that_is_classed_otherwise_is_left_to_tokenizers(monkeypatch):
    asked = []

    def apart(text):
        asked.append(text)
        return {"ß"}

    monkeypatch.setattr(fast_bpe, "characters_apart", apart)
    fast = FastBPE(BACKENDS[GPT2])
    assert fast.encode("abc") is not None
    assert fast.encode("aé") is not None
    assert fast.encode("aßé") is None
    assert fast.encode("é again") is not None
    assert "".join(asked).count("é") == 1


def test_added_tokens_are_left_to_tokenizers():
    backend = trained()
    backend.add_tokens([AddedToken("<math>", normalized=False)])
    fast = FastBPE(backend)
    assert fast.encode("a<math>b") is None
    assert fast.encode("a<math b") is not None
    backend.add_tokens([f"<{number}>" for number in range(20)])
    with pytest.raises(NotProvenError, match="21 tokens were added"):
        FastBPE(backend)


def test_a_composing_normalizer_leaves_only_ascii():
    fast = FastBPE(trained(normalizer=normalizers.NFC()))
    assert fast.encode("plain") is not None
    assert fast.encode("na\u0131ve") is None


@pytest.mark.parametrize("text", [" " * 2_000_000 + "a", "\n" * 2_000_000, "\t " * 1_000_000 + "x"])
def test_long_runs_of_white_space_are_left_to_tokenizers_soon(text):
    started = time.process_time()
    ids = FAST[GPT2].encode(text)
    assert ids is None or ids.tolist() == BACKENDS[GPT2].encode(text).ids
    assert time.process_time() - started < 20


@pytest.mark.slow
def test_ten_megabytes_in_one_piece():
    for text in ("a" * 10_000_000, "word " * 2_000_000):
        ids = FAST[GPT2].encode(text)
        assert ids is not None
        assert ids.tolist() == BACKENDS[GPT2].encode(text, add_special_tokens=False).ids


ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())


def backend_of(merges, extra=(), **options):
    """A byte-level BPE by hand."""
    names = [*ALPHABET, *dict.fromkeys(a + b for a, b in merges), *extra]
    vocabulary = {name: number for number, name in enumerate(names)}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, **options))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return backend


@pytest.mark.parametrize(
    ("merges", "why"),
    [
        # "abc" is made of ab and c by bytes, but its one merge is (a, bc), and ab comes first
        ([("a", "b"), ("b", "c"), ("a", "bc")], "cannot be reached by its merges"),
        ([("a", "b"), ("b", "c"), ("ab", "c"), ("x", "y"), ("a", "bc")], "stand apart"),
    ],
)
def test_merges_that_are_not_told_by_their_tokens(merges, why):
    backend = backend_of(merges)
    with pytest.raises(NotProvenError, match=why):
        FastBPE(backend)


def test_several_merges_of_one_token_that_stand_together():
    """As tokenizers converted from `tiktoken` have them."""
    backend = backend_of([("a", "b"), ("b", "c"), ("ab", "c"), ("a", "bc"), ("abc", "a")])
    fast = FastBPE(backend)
    for text in ("abc", "abcabca", "bcabc", "aabcc", "xabcabcabcx"):
        ids = fast.encode(text)
        assert ids is not None
        assert ids.tolist() == backend.encode(text).ids


# Vocabularies that were never trained: two letters, merges of what earlier ones made, in any order
@st.composite
def made_up_merges(draw):
    known, merges = ["a", "b"], []
    for _ in range(draw(st.integers(1, 8))):
        pair = (draw(st.sampled_from(known)), draw(st.sampled_from(known)))
        if "".join(pair) not in known or draw(st.booleans()):
            merges.append(pair)
            known.append("".join(pair))
    merges = list(dict.fromkeys(merges))
    return draw(st.permutations(merges)) if draw(st.booleans()) else merges


@given(merges=made_up_merges(), text=st.text("ab", max_size=30))
def test_whatever_the_merges_are_ids_are_equal_or_it_is_refused(merges, text):
    backend = backend_of(merges)
    try:
        fast = FastBPE(backend)
    except NotProvenError:
        return
    ids = fast.encode(text)
    assert ids is not None
    assert ids.tolist() == backend.encode(text).ids


def refusals():
    split = pre_tokenizers.Split(Regex(r"\w+"), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    known = pre_tokenizers.Split(Regex(sorted(PATTERNS - {GPT2})[0]), "removed")
    return {
        "the model sets ignore_merges": {"options": {"ignore_merges": True}},
        "the model sets unk_token": {"options": {"unk_token": "a"}},
        "the model sets dropout": {"options": {"dropout": 0.1}},
        "the normalizer Lowercase": {"normalizer": normalizers.Lowercase()},
        "without a space before it": {"before": pre_tokenizers.ByteLevel(add_prefix_space=True)},
        "at the level of bytes": {"before": pre_tokenizers.Whitespace()},
        "pattern .* not a known": {"before": pre_tokenizers.Sequence([split, byte_level])},
        "is cut is not a known": {"before": pre_tokenizers.Sequence([known, byte_level])},
    }


@pytest.mark.parametrize("why", sorted(refusals()))
def test_what_the_proof_does_not_cover_is_refused(why):
    case = refusals()[why]
    backend = backend_of([("a", "b")], **case.get("options", {}))
    if "normalizer" in case:
        backend.normalizer = case["normalizer"]
    if "before" in case:
        backend.pre_tokenizer = case["before"]
    with pytest.raises(NotProvenError, match=why):
        FastBPE(backend)


def test_a_missing_byte_and_another_model_are_refused():
    backend = Tokenizer(models.BPE(vocab={"a": 0}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    with pytest.raises(NotProvenError, match="255 of the 256 bytes have no token"):
        FastBPE(backend)
    with pytest.raises(NotProvenError, match="the model is WordLevel"):
        FastBPE(Tokenizer(models.WordLevel({"a": 0}, unk_token="a")))
