"""What every section shares."""

import pytest
from pydantic import ValidationError

from lmkit.recipe.base import Section


class Example(Section):
    whole: int = 1
    number: float = 1.0
    text: str = "a"
    anything: dict[str, object] = {}  # noqa: RUF012 - pydantic copies it


@pytest.mark.parametrize("value", [3, 3.0])
def test_a_whole_number_may_be_written_as_any_number(value: float) -> None:
    example = Example.model_validate({"whole": value, "number": value})
    assert repr((example.whole, example.number)) == "(3, 3.0)"


@pytest.mark.parametrize(
    "keys",
    [
        {"whole": 3.5},
        {"whole": True},
        {"whole": "3"},
        {"number": "3"},
        {"number": float("nan")},
        {"number": float("inf")},
        {"text": 3},
        {"other": 1},
        [1],
    ],
)
def test_nothing_is_taken_for_something_else(keys: object) -> None:
    with pytest.raises(ValidationError):
        Example.model_validate(keys)


def test_what_is_in_a_mapping_of_anything_stays_as_it_is() -> None:
    assert repr(Example.model_validate({"anything": {"a": 3.0}}).anything) == "{'a': 3.0}"


def test_a_section_never_changes() -> None:
    with pytest.raises(ValidationError):
        Example().whole = 2
