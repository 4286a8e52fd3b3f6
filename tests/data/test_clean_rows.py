"""Cleaning rows that are made of several texts, or of words."""

import json

from lmkit.data.clean import cleaning_ledgers
from lmkit.data.sources import open_splits
from lmkit.recipe.cleaning import CleanSection
from lmkit.recipe.options.multiple_choice import MultipleChoiceOptions
from lmkit.recipe.options.ner import NerOptions
from lmkit.recipe.sections import DataSection


def test_every_text_of_a_row_is_transformed_and_filters_see_all(tmp_path):
    rows = [
        {"question": "Is It A?", "choices": ["Yes", "No"], "answer": "No"},
        {"question": "is it a?", "choices": ["yes", "NO"], "answer": 0},  # the same question
        {"question": "is it a?", "choices": ["yes", "no!"], "answer": "B"},
        {"question": "is it a?", "choices": ["yes", "..."], "answer": "A"},  # loses a choice
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    section = CleanSection(lowercase=True, replace={"\\.": ""}, duplicates="exact")
    data = DataSection(train=str(path), validation=str(path), clean=section)
    splits = open_splits(data, MultipleChoiceOptions(name="multiple_choice"))
    assert [row.values for row in splits.train.rows()] == [
        {"question": "is it a?", "choices": ["yes", "no"], "answer": "no"},
        {"question": "is it a?", "choices": ["yes", "no!"], "answer": "B"},
    ]
    ledgers = cleaning_ledgers(splits)
    assert ledgers["train"]["dropped"] == {"blank": 1, "duplicates": 1}
    assert ledgers["train"]["changed"] == {"replace": 1, "lowercase": 2}
    assert ledgers["validation"]["documents_out"] == 3


def test_words_are_filtered_as_one_text(tmp_path):
    (tmp_path / "a.conll").write_text("one O\n\na O\nfew O\n\na O\nfew O\n")
    section = CleanSection(min_length=4, duplicates="exact")
    path = str(tmp_path / "a.conll")
    splits = open_splits(DataSection(train=path, validation=path, clean=section),
                         NerOptions(name="ner"))  # fmt: skip
    assert [row.values["tokens"] for row in splits.train.rows()] == [["a", "few"]]
