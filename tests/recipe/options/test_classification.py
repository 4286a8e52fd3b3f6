"""Options of `classification`."""

import pytest
from pydantic import ValidationError

from lmkit.recipe.options import OPTIONS
from lmkit.recipe.options.classification import ClassificationOptions


def test_it_is_found_by_its_name() -> None:
    assert OPTIONS["classification"] is ClassificationOptions
    assert ClassificationOptions.verb == "finetune"


def test_defaults() -> None:
    options = ClassificationOptions(name="classification")
    assert (options.text_column, options.label_column) == ("text", "label")
    assert options.labels is None


def test_one_label_is_no_choice() -> None:
    with pytest.raises(ValidationError, match="at least 2 items"):
        ClassificationOptions(name="classification", labels=["a"])


def test_a_label_named_twice_is_an_error() -> None:
    with pytest.raises(ValidationError, match=r"task\.labels: `a` is named more than once"):
        ClassificationOptions(name="classification", labels=["a", "b", "a"])
