"""Two ways to learn the same pieces, and words that are BERT's whichever way they are read."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers, pre_tokenizers

from lmkit.data import tokenizer_wordpiece as module
from lmkit.data.tokenizer_wordpiece import learn_from_words, learn_wordpiece

TEXTS = st.lists(st.text("abcAB \n.é東1\x0b\x1c\x85\u0301\u200d🙂ß", max_size=40), min_size=1)
BERT = pre_tokenizers.BertPreTokenizer()


def bert_words(texts: list[str], lowercase: bool) -> Counter[str]:
    """The words of a corpus, by `tokenizers` alone."""
    normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    return Counter(
        word for text in texts for word, _ in BERT.pre_tokenize_str(normalizer.normalize_str(text))
    )


@pytest.mark.slow
@settings(max_examples=15)  # each names some 50,000 symbols
@given(TEXTS, st.booleans(), st.sampled_from([8, 30, 60]), st.sampled_from([1, 2]))
def test_the_quick_way_and_the_plain_one_agree(texts, lowercase, size, least) -> None:
    quick = learn_wordpiece(texts, size=size, min_frequency=least, lowercase=lowercase)
    words = bert_words(texts, lowercase)
    assert quick == learn_from_words(words, size=size, min_frequency=least)


@pytest.mark.parametrize("lowercase", [True, False])
def test_real_text_agrees(test_data, lowercase: bool) -> None:
    text = (test_data / "wikitext2" / "valid.txt").read_text(encoding="utf-8")[:200_000]
    texts = text.split("\n")
    quick = learn_wordpiece(texts, size=2000, min_frequency=2, lowercase=lowercase)
    assert len(quick) == 2000
    words = bert_words(texts, lowercase)
    assert quick == learn_from_words(words, size=2000, min_frequency=2)


@pytest.mark.parametrize("mostly", [-1.0, 2.0])
def test_it_does_not_matter_who_normalizes(monkeypatch, test_data, mostly: float) -> None:
    text = (test_data / "wikitext2" / "valid.txt").read_text(encoding="utf-8")[:50_000]
    texts = [*text.split("\n"), "a\x0bb Ünïcode\r\nﬁ x\x7fy", "東京 AB"]
    expected = learn_wordpiece(texts, size=1000, min_frequency=2, lowercase=True)
    monkeypatch.setattr(module, "MOSTLY", mostly)
    assert learn_wordpiece(texts, size=1000, min_frequency=2, lowercase=True) == expected


@given(st.text(), st.booleans())
def test_normalizing_keeps_the_words(text: str, lowercase: bool) -> None:
    normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    ours = module._normalized(text, normalizer, lowercase=lowercase)
    words = [word for word, _ in BERT.pre_tokenize_str(ours)]
    assert words == [word for word, _ in BERT.pre_tokenize_str(normalizer.normalize_str(text))]


def test_symbols_that_were_not_named_are_learned_all_the_same(monkeypatch) -> None:
    texts = ["banana bandana anna"] * 3
    expected = learn_wordpiece(texts, size=40, min_frequency=2, lowercase=True)
    monkeypatch.setattr(module, "_inside_symbols", lambda: ["##a"])
    assert learn_wordpiece(texts, size=40, min_frequency=2, lowercase=True) == expected


def test_by_hand() -> None:
    pieces = learn_from_words({"ab": 3, "cab": 2}, size=20, min_frequency=2)
    assert pieces == ["a", "b", "c", "##a", "##b", "ab", "##ab", "cab"]


def test_the_alphabet_takes_half_of_the_room() -> None:
    words = {chr(0x100 + i): 1 + i for i in range(50)}
    pieces = learn_from_words(words, size=20, min_frequency=1)
    assert pieces == [chr(0x100 + i) for i in range(40, 50)]


def test_mostly_plain() -> None:
    assert module._is_mostly_plain(["plain"] * 9 + ["東京"])[0]
    assert not module._is_mostly_plain(["東京"] * 9 + ["plain"])[0]
    assert list(module._is_mostly_plain(iter(["a", "b"]))[1]) == ["a", "b"]
