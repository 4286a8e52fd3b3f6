"""Options of `multiple_choice`."""

import pytest
from pydantic import ValidationError

from lmkit.recipe.options import OPTIONS
from lmkit.recipe.options.multiple_choice import MultipleChoiceOptions


def test_it_is_found_by_its_name() -> None:
    assert OPTIONS["multiple_choice"] is MultipleChoiceOptions
    assert MultipleChoiceOptions.verb == "finetune"


def test_the_head_is_left_to_the_model() -> None:
    options = MultipleChoiceOptions(name="multiple_choice")
    assert (options.head, options.context_column, options.normalize) == (None, None, "sum")


def test_another_way_to_normalize_is_an_error() -> None:
    with pytest.raises(ValidationError, match="'sum', 'mean' or 'bytes'"):
        MultipleChoiceOptions(name="multiple_choice", normalize="words")  # type: ignore[arg-type]
