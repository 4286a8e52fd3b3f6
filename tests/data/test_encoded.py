"""Rows as flat arrays of token ids: held against the tokenizer's own answer, text by text."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from lmkit.data import encoded
from lmkit.data.encoded import chunks, encode, encode_labeled, encode_pairs
from lmkit.data.rows import Row
from lmkit.errors import DataError

TEXTS = [" ".join(["the cat sat on the mat"] * count) for count in (1, 3, 2, 9, 1)]
ROWS = [Row({"text": text, "label": number}, f"f:{number}") for number, text in enumerate(TEXTS)]


def all_of(tokenizer, max_length, rows=ROWS):
    return encode_labeled(
        rows, tokenizer, text_column="text", max_length=max_length,
        label_id=lambda row: row.values["label"] % 2,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["tiny_tokenizer", "tiny_bert_tokenizer"])
@pytest.mark.parametrize("chunk", [1, 2, 1024])
def test_ids_are_those_of_the_tokenizer(name, chunk, request, monkeypatch):
    monkeypatch.setattr(encoded, "CHUNK", chunk)
    tokenizer = request.getfixturevalue(name)
    found = all_of(tokenizer, 12)
    assert len(found) == 5
    for index, text in enumerate(TEXTS):
        example = found[3, index]
        expected = tokenizer(text, truncation=True, max_length=12)["input_ids"]
        assert example["input_ids"].tolist() == expected
        assert example["labels"] == index % 2
        assert found.lengths[index] == len(expected)
    whole = [len(tokenizer(text)["input_ids"]) for text in TEXTS]
    assert found.cut == sum(length > 12 for length in whole)
    assert found.ids.dtype == np.uint32


def test_special_tokens_stay_when_a_text_is_cut(tiny_bert_tokenizer):
    last = all_of(tiny_bert_tokenizer, 8)[0, 3]["input_ids"]
    assert (len(last), last[0], last[-1]) == (
        8, tiny_bert_tokenizer.cls_token_id, tiny_bert_tokenizer.sep_token_id,
    )  # fmt: skip


def test_no_rows_are_no_examples(tiny_tokenizer):
    found = all_of(tiny_tokenizer, 8, rows=[])
    assert (len(found), found.lengths.tolist(), found.cut) == (0, [], 0)


def test_a_text_without_a_token_is_named():
    backend = Tokenizer(models.WordLevel({"cat": 0}, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.CharDelimiterSplit(".")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    rows = [Row({"text": "cat"}, "f:1"), Row({"text": "..."}, "f:2")]
    with pytest.raises(DataError, match=r"f:2: the tokenizer makes no token of column `text`"):
        encode(rows, tokenizer, text_column="text", max_length=8)


def test_a_missing_text_is_named(tiny_tokenizer):
    with pytest.raises(DataError, match=r"f:1: no column `text`; the columns are `txt`"):
        encode([Row({"txt": "a"}, "f:1")], tiny_tokenizer, text_column="text", max_length=8)


def test_chunks_hold_every_row_once():
    assert [len(chunk) for chunk in chunks(ROWS, 2)] == [2, 2, 1]
    assert [row for chunk in chunks(iter(ROWS), 3) for row in chunk] == ROWS


@pytest.mark.parametrize("limit", [9, 64])
def test_pairs_are_those_of_the_tokenizer(tiny_bert_tokenizer, limit):
    rows = [Row({"a": text, "b": TEXTS[-1 - at]}, f"f:{at}") for at, text in enumerate(TEXTS)]
    ids, types, cut = encode_pairs(rows, tiny_bert_tokenizer, ("a", "b"), limit)
    theirs = tiny_bert_tokenizer(
        [row.values["a"] for row in rows], [row.values["b"] for row in rows],
        truncation="longest_first", max_length=limit, return_token_type_ids=True,
    )  # fmt: skip
    assert [row.tolist() for row in ids] == theirs["input_ids"]
    assert [row.tolist() for row in types] == theirs["token_type_ids"]
    assert {0, 1} == set(types[0].tolist())
    whole = tiny_bert_tokenizer([r.values["a"] for r in rows], [r.values["b"] for r in rows])
    assert cut == sum(len(row) > limit for row in whole["input_ids"])
    found = encode_labeled(
        rows, tiny_bert_tokenizer, text_column="a", pair_column="b", max_length=limit,
        label_id=lambda _: np.array([1.0, 0.0], np.float32),
    )  # fmt: skip
    example = found[0, 1]
    assert example["token_type_ids"].tolist() == theirs["token_type_ids"][1]
    assert example["labels"].tolist() == [1.0, 0.0]


def test_a_line_end_parts_what_the_tokenizer_joins(tiny_tokenizer):
    row = Row({"a": "the cat", "b": "the dog"}, "f:1")
    (ids,), _, _ = encode_pairs([row], tiny_tokenizer, ("a", "b"), 64)
    assert tiny_tokenizer.decode(ids) == "the cat\nthe dog"


def test_a_pair_with_one_side_missing_is_named(tiny_bert_tokenizer):
    for value, says in ((None, "null"), ("  ", "blank")):
        with pytest.raises(DataError, match=f"f:7: column `b` is {says}"):
            encode_pairs([Row({"a": "x", "b": value}, "f:7")], tiny_bert_tokenizer, ("a", "b"), 9)


def test_numbers_on_a_scale_stay_floats(tiny_bert_tokenizer):
    found = encode_labeled(
        ROWS, tiny_bert_tokenizer, text_column="text", max_length=64,
        label_id=lambda row: row.values["label"] / 2,
    )  # fmt: skip
    labels = [found[0, index]["labels"] for index in range(5)]
    assert (labels, {type(label) for label in labels}) == ([0.0, 0.5, 1.0, 1.5, 2.0], {float})
