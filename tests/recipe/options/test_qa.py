"""Options of `qa`."""

import pytest
from pydantic import ValidationError

from lmkit.errors import RecipeError
from lmkit.recipe.options import OPTIONS
from lmkit.recipe.options.qa import QAOptions
from lmkit.recipe.parse import parse_recipe
from lmkit.recipe.sections import Recipe


def test_it_is_found_by_its_name() -> None:
    assert OPTIONS["qa"] is QAOptions
    assert QAOptions.verb == "finetune"


def test_whether_there_may_be_no_answer_is_a_word_or_a_boolean() -> None:
    assert QAOptions(name="qa").no_answer == "auto"
    assert QAOptions(name="qa", no_answer=True).no_answer is True
    with pytest.raises(ValidationError):
        QAOptions(name="qa", no_answer="maybe")


def test_a_stride_that_leaves_tokens_unread_is_refused() -> None:
    assert QAOptions(name="qa", max_length=64, stride=60).stride == 60
    with pytest.raises(ValidationError, match=r"at most 60 tokens of a context fit into a window"):
        QAOptions(name="qa", max_length=64, stride=61)


def test_texts_with_answers_in_them_are_filtered_but_not_changed() -> None:
    def recipe(clean: str) -> Recipe:
        text = (
            f"task: {{name: qa}}\nmodel: {{source: x}}\ndata: {{train: a.json, clean: {{{clean}}}}}"
        )
        return parse_recipe(text, "f.yaml")

    with pytest.raises(RecipeError, match=r"data\.clean\.lowercase: the rows of qa hold offsets"):
        recipe("lowercase: true")
    assert recipe("duplicates: exact").data.clean is not None
