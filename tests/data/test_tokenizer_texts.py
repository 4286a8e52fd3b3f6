"""What a tokenizer learns from: the columns of the task, words where a row brings words."""

from types import SimpleNamespace

import pytest

from lmkit.data.rows import Row
from lmkit.data.text_columns import TextColumns
from lmkit.data.tokenizer_texts import texts_to_learn
from lmkit.errors import DataError
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.recipe.options.multiple_choice import MultipleChoiceOptions
from lmkit.recipe.options.ner import NerOptions
from lmkit.recipe.options.seq2seq import Seq2SeqOptions


def learned(options, *values):
    rows = [Row(dict(row), f"row {number}") for number, row in enumerate(values)]
    return list(texts_to_learn(SimpleNamespace(rows=lambda: rows), TextColumns.of(options)))


def test_the_columns_of_the_task():
    row = {"text": "a", "other": "b", "source": "c", "target": "d"}
    assert learned(CausalLMOptions(name="causal_lm"), row) == ["a"]
    pair = ClassificationOptions(name="classification", text_pair_column="other")
    assert learned(pair, row) == ["a", "b"]
    assert learned(Seq2SeqOptions(name="seq2seq"), row) == ["c", "d"]
    several = {"source": "c", "target": ["d", "e"]}
    assert learned(Seq2SeqOptions(name="seq2seq"), several) == ["c", "d", "e"]
    with pytest.raises(DataError, match="row 0"):
        learned(CausalLMOptions(name="causal_lm"), {"content": "a"})


def test_words_instead_of_a_text():
    options = NerOptions(name="ner")
    assert learned(options, {"tokens": ["a", "b"], "tags": ["O", "O"]}) == ["a b"]
    assert learned(options, {"text": "a b", "spans": []}) == ["a b"]


def test_of_lists_every_text_is_read():
    options = MultipleChoiceOptions(name="multiple_choice")
    row = {"question": "a", "choices": ["b", "c"], "answer": "b", "number": 3}
    assert learned(options, row) == ["a", "b", "c"]
    with pytest.raises(DataError, match="row 0: no column `question`"):
        learned(options, {"answer": "b"})
