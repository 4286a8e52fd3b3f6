"""The texts of rows as documents."""

import json

import pytest

from lmkit.data.row_texts import RowTexts, documents_of
from lmkit.data.sources import open_files
from lmkit.data.text_columns import TextColumns
from lmkit.data.token_cache import tokenize_corpus
from lmkit.recipe.options import OPTIONS
from lmkit.recipe.sections import DataSection

MESSAGES = [{"role": "user", "content": "ask it"}, {"role": "assistant", "content": " "}]


@pytest.fixture
def source(tmp_path):
    def make(options, *rows):
        (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
        path = str(tmp_path / "rows.jsonl")
        return open_files(path, DataSection(train=path), options, name="test", key="--data")

    return make


def options(task, **more):
    return OPTIONS[task](name=task, **more)


def test_each_text_stands_alone_and_blank_ones_are_left_out(source):
    made = options("chat")
    rows = [{"messages": MESSAGES}, {"instruction": "do", "input": "", "output": "a \ud800"}]
    documents, name = documents_of(source(made, *rows), made)
    assert [row.values[name] for row in documents.rows()] == ["ask it", "do", "a ?"]
    assert [row.origin.rpartition(":")[2] for row in documents.rows()] == ["1", "2", "2"]


@pytest.mark.parametrize(
    ("task", "more", "same"),
    [
        ("causal_lm", {"text_column": "t"}, True),
        ("masked_lm", {}, True),
        ("classification", {}, True),
        ("classification", {"text_pair_column": "b"}, False),
        ("ner", {}, False),
        ("qa", {}, False),
    ],
)
def test_a_split_of_single_texts_is_its_own_documents(source, task, more, same):
    made = options(task, **more)
    split = source(made, {"t": "x"})
    documents, name = documents_of(split, made)
    assert (documents is split) == same
    assert name == (made.text_column if same else "text")


def test_what_is_read_decides_the_cache_entry(source, tiny_bert_tokenizer):
    split = source(options("qa"), {"question": "a b", "context": "c d e"})
    some, all_ = (
        RowTexts(split, TextColumns(names)) for names in (("question",), ("question", "context"))
    )
    assert some.fingerprint() != all_.fingerprint() != split.fingerprint()
    counts = [
        tokenize_corpus(one, tiny_bert_tokenizer, text_column="text").ledger.documents
        for one in (some, all_)
    ]
    assert counts == [1, 2]
    assert all_.describe() == split.describe()
