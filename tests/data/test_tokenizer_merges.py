"""The merges are those of `tokenizers` on the same words, whatever the order of the words."""

import json

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lmkit.data.tokenizer_merges import learn_merges

WORDS = st.dictionaries(st.text("abcd", min_size=1, max_size=8), st.integers(1, 20), min_size=1)


def spelled(words):
    alphabet = sorted(set("".join(words)))
    return alphabet, [([alphabet.index(c) for c in word], n) for word, n in words.items()]


@given(words=WORDS)
def test_they_are_those_of_tokenizers(words):
    peer = Tokenizer(models.BPE())
    peer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=30, min_frequency=2, show_progress=False)
    peer.train_from_iterator([f"{word} " * count for word, count in words.items()], trainer)
    expected = [tuple(pair) for pair in json.loads(peer.to_str())["model"]["merges"]]
    alphabet, counted = spelled(words)
    names, merges = learn_merges(counted, alphabet, size=30, min_frequency=2)
    assert merges == expected
    assert names == [*alphabet, *(left + right for left, right in expected)]


@given(words=WORDS, order=st.randoms())
def test_the_order_of_the_words_does_not_matter(words, order):
    alphabet, counted = spelled(words)
    shuffled = list(counted)
    order.shuffle(shuffled)
    first = learn_merges(counted, alphabet, size=40, min_frequency=1)
    assert learn_merges(shuffled, alphabet, size=40, min_frequency=1) == first


def test_a_run_of_one_letter_merges_from_the_left():
    names, merges = learn_merges([([0, 0, 0], 5)], ["a"], size=9, min_frequency=1)
    assert merges == [("a", "a"), ("aa", "a")]
    assert names == ["a", "aa", "aaa"]


def test_rare_pairs_are_left_alone():
    names, merges = learn_merges([([0, 1], 1)], ["a", "b"], size=9, min_frequency=2)
    assert (names, merges) == (["a", "b"], [])


def test_joining_follows_the_caller():
    words = [([0, 1, 2], 3)]
    names, _ = learn_merges(
        words,
        ["a", "##b", "##c"],
        size=5,
        min_frequency=1,
        join=lambda left, right: left + right.removeprefix("##"),
    )
    assert names == ["a", "##b", "##c", "ab", "abc"]
