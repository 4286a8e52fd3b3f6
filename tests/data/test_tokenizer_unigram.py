"""The Unigram learner, against sums over every segmentation written out, and against its peer."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lmkit.data.tokenizer_unigram import MAX_WORD, _Lattice, learn_unigram

WORDS = st.dictionaries(st.text("abc", min_size=1, max_size=7), st.integers(1, 9), min_size=1)


def cuts(word):
    """Every way to cut a word into parts."""
    for mask in range(1 << (len(word) - 1)):
        bounds = [0, *(i + 1 for i in range(len(word) - 1) if mask >> i & 1), len(word)]
        yield [word[start:end] for start, end in pairwise(bounds)]


@given(words=WORDS)
def test_expected_counts_are_those_of_all_segmentations(words):
    lattice = _Lattice(words, seeds=50)
    texts = list(lattice.texts())
    scores = np.log(lattice.pieces.counts / lattice.pieces.counts.sum())
    score = dict(zip(texts, scores, strict=True))
    expected = dict.fromkeys(texts, 0.0)
    for word, count in words.items():
        known = [parts for parts in cuts(word) if all(part in score for part in parts)]
        weights = [math.exp(sum(score[part] for part in parts)) for parts in known]
        for parts, weight in zip(known, weights, strict=True):
            for part in parts:
                expected[part] += count * weight / sum(weights)
    assert lattice.expected(scores) == pytest.approx([expected[text] for text in texts], rel=1e-9)


@given(words=WORDS)
def test_alternatives_are_the_best_of_all_segmentations(words):
    lattice = _Lattice(words, seeds=50)
    texts = list(lattice.texts())
    scores = np.log(lattice.pieces.counts / lattice.pieces.counts.sum())
    score = dict(zip(texts, scores, strict=True))
    for text, found in zip(texts, lattice.alternatives(scores), strict=True):
        sums = [
            sum(score[part] for part in parts)
            for parts in cuts(text)
            if len(parts) > 1 and all(part in score for part in parts)
        ]
        assert found == pytest.approx(max(sums, default=-math.inf))


@settings(max_examples=50)
@given(words=WORDS, size=st.integers(1, 12), order=st.randoms())
def test_pieces_are_few_enough_sorted_and_free_of_the_order_of_words(words, size, order):
    pieces = learn_unigram(words, size)
    assert 1 <= len(pieces) <= size
    assert pieces == sorted(pieces, key=lambda piece: (-piece[1], piece[0]))
    assert all(math.isfinite(score) for _, score in pieces)
    shuffled = list(words.items())
    order.shuffle(shuffled)
    assert learn_unigram(dict(shuffled), size) == pieces


def test_nothing_to_learn_from():
    assert learn_unigram({}, 100) == []


def test_long_rare_and_huge_words_stay_finite():
    words = {chr(0x4E00 + i) * 1000: 1 for i in range(300)} | {"common": 10**12}
    pieces = learn_unigram(words, 1000)
    assert all(math.isfinite(score) for _, score in pieces)
    assert max(len(piece) for piece, _ in pieces) <= MAX_WORD


def test_it_cuts_into_no_more_tokens_than_the_trainer_of_tokenizers():
    text = "the cat sat on the mat and the other cat sat there too because that cat sits "
    text += "unhappily happily unhappiness happiness sitting sits catting cats mats others "
    words = [f"▁{word}" for word in text.split()]
    peer = Tokenizer(models.Unigram())
    peer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.UnigramTrainer(
        vocab_size=60, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
    )
    peer.train_from_iterator([" ".join(words)], trainer)
    counts = {word: words.count(word) for word in words}
    ours = Tokenizer(models.Unigram([("<unk>", 0.0), *learn_unigram(counts, 59)], 0, False))
    ours.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    assert len(ours.encode(" ".join(words)).ids) <= 1.05 * len(peer.encode(" ".join(words)).ids)
