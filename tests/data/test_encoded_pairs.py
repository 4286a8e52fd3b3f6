"""Pairs of texts as token ids: prefixes, ends, cuts, and rows that cannot be read."""

import numpy as np
import pytest

from lmkit.data.encoded_pairs import PairLimits, encode_pairs, encode_sources
from lmkit.data.references import unpack
from lmkit.data.rows import Row
from lmkit.data.tokenizer_training import train_tokenizer
from lmkit.errors import DataError
from lmkit.recipe.sections import TokenizerTraining

LIMITS = PairLimits("en", "de", source_length=8, target_length=6, prefix="to German: ")


@pytest.fixture(scope="module", params=["seq2seq", "causal"])
def tokenizer(request):
    """One that ends what it encodes, and one that does not."""
    section = TokenizerTraining(type="byte", vocab_size=300)
    return train_tokenizer(section, ["a"], model_max_length=512, kind=request.param)


def rows(*pairs):
    return [Row({"en": en, "de": de}, f"x.jsonl:{n}") for n, (en, de) in enumerate(pairs, start=1)]


def encoded(tokenizer, found, *, keep=True, limits=LIMITS):
    end = tokenizer.eos_token_id
    return encode_pairs(found, tokenizer, limits, end_id=end, keep_references=keep)


def test_targets_end_once_whatever_the_tokenizer_adds(tokenizer):
    found = encoded(tokenizer, rows(("a", "bcd"), ("a", "b"), ("a", "bcdefg"), ("a", "bcdef")))
    end = tokenizer.eos_token_id
    targets = [found[0, index]["labels"] for index in range(4)]
    assert [len(labels) for labels in targets] == [4, 2, 6, 6]
    assert all(labels[-1] == end for labels in targets)
    assert all((labels[:-1] != end).all() for labels in targets)
    assert targets[0].dtype == np.int64  # so that a filler's labels can be IGNORED
    assert tokenizer.decode(targets[2][:-1]) == "bcdef"
    assert found.cut_targets == 1


def test_sources_have_the_prefix_and_are_cut(tokenizer):
    found = encoded(tokenizer, rows(("abc", "x")))
    assert len(found[0, 0]["input_ids"]) == 8
    assert found.cut_sources == 1
    whole = encoded(tokenizer, rows(("abc", "x")), limits=PairLimits("en", "de", 99, 9, "> "))
    ids = whole[0, 0]["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "> abc"
    assert list(ids) == tokenizer("> abc")["input_ids"]
    assert whole.cut_sources == 0


def test_lengths_are_of_both_sides(tokenizer):
    found = encoded(tokenizer, rows(("a", "b"), ("a", "bcd")))
    assert len(found) == 2
    pairs = [found[0, index] for index in range(2)]
    wanted = [len(pair["input_ids"]) + len(pair["labels"]) for pair in pairs]
    assert found.lengths.tolist() == wanted


def test_references_are_whole_and_kept_only_where_they_are_scored(tokenizer):
    text = "größer als sechs ✓"
    found = encoded(tokenizer, rows(("a", text)))
    assert unpack(found[0, 0]["references"]) == [text]
    assert set(encoded(tokenizer, rows(("a", text)), keep=False)[0, 0]) == {"input_ids", "labels"}


def test_of_several_targets_the_first_is_learned_and_all_are_kept(tokenizer):
    found = encoded(tokenizer, rows(("a", ["b c", "d"]), ("a", "e")))
    assert list(found[0, 0]["labels"]) == list(
        encoded(tokenizer, rows(("a", "b c")))[0, 0]["labels"]
    )
    assert unpack(found[0, 0]["references"]) == ["b c", "d"]
    assert found.reference_counts == {1, 2}
    assert encoded(tokenizer, rows(("a", ["b"])), keep=False).reference_counts == set()


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        (("a", []), r"x\.jsonl:2: column `de` is an empty list"),
        (("a", ["b", " "]), r"x\.jsonl:2: column `de\.1` is blank"),
        (("a", [["b"]]), r"x\.jsonl:2: column `de\.0` holds a list, not text"),
        ((" ", "b"), r"x\.jsonl:2: column `en` is blank"),
        (("a", None), r"x\.jsonl:2: column `de` is null"),
        (("a", 3), r"x\.jsonl:2: column `de` holds the number 3, not text"),
    ],
)
def test_a_side_that_is_missing_is_named(tokenizer, pair, told):
    with pytest.raises(DataError, match=told):
        encoded(tokenizer, rows(("a", "b"), pair))


def test_a_missing_column_is_named(tokenizer):
    with pytest.raises(DataError, match="no column `en`; the columns are `eng`; did you mean"):
        encode_sources([Row({"eng": "a"}, "x.jsonl:1")], tokenizer, LIMITS)
