"""Tests of lmkit/data/masking.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from lmkit.data.masking import Masker
from lmkit.errors import TokenizerError

CLS, SEP, MASK = 2, 3, 4


def masker(tokenizer, whole_word=False, seed=0, probability=0.15):
    return Masker(tokenizer, probability=probability, whole_word=whole_word, seed=seed)


def assert_share(hits, draws, share):
    """Within what a fair coin of this share gives but once in a million."""
    low, high = binom.ppf([5e-7, 1 - 5e-7], draws, share)
    assert low <= hits <= high, (hits, draws, share)


def test_shares_are_bert_s(word_tokenizer):
    content = np.tile(np.arange(5, 65), 1000)
    item = masker(word_tokenizer).training(content, epoch=0, place=0)
    inputs, labels = item["input_ids"][1:-1], item["labels"][1:-1]
    chosen = labels != -100
    assert np.array_equal(labels[chosen], content[chosen])
    assert np.array_equal(inputs[~chosen], content[~chosen])
    assert_share(chosen.sum(), len(content), 0.15)
    hidden = inputs[chosen] == MASK
    assert_share(hidden.sum(), chosen.sum(), 0.8)
    ordinary = len(word_tokenizer.get_vocab()) - 5
    other = ~hidden & (inputs[chosen] != content[chosen])
    assert_share(other.sum(), chosen.sum(), 0.1 * (1 - 1 / ordinary))
    put_in = inputs[chosen][other]
    assert put_in.min() >= 5
    assert len(np.unique(put_in)) == ordinary  # every ordinary token may be put in


def test_neighbours_are_chosen_independently(word_tokenizer):
    content = np.full(60_000, 9)
    chosen = masker(word_tokenizer).training(content, epoch=0, place=0)["labels"][1:-1] != -100
    assert_share((chosen[1:] & chosen[:-1]).sum(), len(content) - 1, 0.15**2)


def test_examples_and_epochs_are_independent(word_tokenizer):
    content = np.full(20_000, 9)
    rule = masker(word_tokenizer)
    items = [
        rule.training(content, epoch=0, place=0),
        rule.training(content, epoch=1, place=0),
        rule.training(content, epoch=0, place=1),
        rule.scoring(content, document=0, piece=0),
        masker(word_tokenizer, seed=1).training(content, epoch=0, place=0),
    ]
    chosen = [item["labels"][1:-1] != -100 for item in items]
    for number, one in enumerate(chosen):
        for other in chosen[:number]:
            assert_share((one & other).sum(), len(content), 0.15**2)


def test_masks_do_not_depend_on_what_follows(word_tokenizer):
    rule = masker(word_tokenizer)
    content = np.tile(np.arange(5, 65), 3)
    whole = rule.training(content, epoch=2, place=9)
    part = rule.training(content[:60], epoch=2, place=9)
    assert np.array_equal(whole["input_ids"][:61], part["input_ids"][:61])


def test_golden_masks(word_tokenizer):
    """Masks are part of what a seed promises: they must not change between versions."""
    item = masker(word_tokenizer, seed=42).scoring(np.arange(5, 35), document=3, piece=1)
    assert np.flatnonzero(item["labels"] != -100).tolist() == [5, 12, 16, 17, 21]
    assert item["input_ids"][item["labels"] != -100].tolist() == [4, 29, 4, 4, 6]


@given(st.lists(st.integers(0, 70), max_size=40), st.integers(0, 2**63), st.booleans())
def test_specials_stay_and_something_is_predicted(word_tokenizer, ids, seed, whole_word):
    content = np.array(ids, dtype=np.int64)
    rule = masker(word_tokenizer, whole_word, seed, probability=0.01)
    item = rule.training(content, epoch=1, place=2)
    chosen = item["labels"] != -100
    special = np.isin(np.concatenate([[CLS], content, [SEP]]), range(5))
    assert (item["input_ids"][0], item["input_ids"][-1]) == (CLS, SEP)
    assert not (chosen & special).any()
    assert chosen.any() == (not special.all())


def test_whole_words_are_hidden_whole(word_tokenizer):
    text = "the unhappiness, running quick fox people " * 400
    content = np.array(word_tokenizer(text, add_special_tokens=False)["input_ids"])
    rule = masker(word_tokenizer, whole_word=True)
    chosen = rule.training(content, epoch=0, place=0)["labels"][1:-1] != -100
    # Independently: a word begins at each token that does not start with ##.
    tokens = word_tokenizer.convert_ids_to_tokens(content.tolist())
    words = np.cumsum([not token.startswith("##") for token in tokens]) - 1
    assert np.array_equal(rule.words(content), words)
    sizes, hidden = np.bincount(words), np.bincount(words, weights=chosen)
    assert set(sizes.tolist()) == {1, 3}
    assert np.all((hidden == 0) | (hidden == sizes))
    assert_share((hidden > 0).sum(), len(sizes), 0.15)
    assert_share((hidden[sizes == 3] > 0).sum(), (sizes == 3).sum(), 0.15)


def test_a_special_token_parts_words(word_tokenizer):
    happi, ness = word_tokenizer.convert_tokens_to_ids(["##happi", "##ness"])
    rule = masker(word_tokenizer, whole_word=True)
    content = np.array([happi, ness, SEP, ness, ness])
    assert rule.words(content).tolist() == [0, 0, 1, 2, 2]


def test_a_tokenizer_without_mask_token_is_refused(byte_tokenizer):
    with pytest.raises(TokenizerError, match="no `mask_token`, which a masked model needs"):
        masker(byte_tokenizer)


def test_padding_is_the_pad_token(word_tokenizer):
    assert masker(word_tokenizer).pad_values == {"input_ids": 0, "labels": -100}
