"""Options of `ner`."""

import pytest
from pydantic import ValidationError

from lmkit.errors import RecipeError
from lmkit.recipe.options import OPTIONS
from lmkit.recipe.options.ner import NerOptions
from lmkit.recipe.parse import parse_recipe


def test_it_is_found_by_its_name() -> None:
    assert OPTIONS["ner"] is NerOptions
    assert NerOptions.verb == "finetune"


def test_defaults() -> None:
    options = NerOptions(name="ner")
    assert (options.tokens_column, options.tags_column) == ("tokens", "tags")
    assert (options.text_column, options.spans_column) == ("text", "spans")
    assert (options.labels, options.scheme, options.stride) == (None, "auto", None)


def test_what_does_not_fit_together() -> None:
    with pytest.raises(ValidationError, match=r"task\.labels: `a` is named more than once"):
        NerOptions(name="ner", labels=["a", "a"])
    with pytest.raises(ValidationError, match=r"task\.stride: 9 is more than task\.max_length, 8"):
        NerOptions(name="ner", max_length=8, stride=9)


def test_texts_that_offsets_point_into_stay_as_they_are() -> None:
    text = """
task: {name: ner}
model: {source: some/model}
data: {train: train.jsonl, clean: {%s: %s}}
"""
    with pytest.raises(RecipeError, match=r"data\.clean\.lowercase: the rows of ner hold offsets"):
        parse_recipe(text % ("lowercase", "true"), "x.yaml")
    parse_recipe(text % ("duplicates", "exact"), "x.yaml")
