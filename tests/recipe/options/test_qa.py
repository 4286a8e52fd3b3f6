"""Options of `qa`."""

import pytest
from pydantic import ValidationError

from lmkit.recipe.options import OPTIONS
from lmkit.recipe.options.qa import QAOptions


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
