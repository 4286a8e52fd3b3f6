"""Several right texts of a row: read in their order, and through bytes unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.references import alternatives, pack, unpack
from lmkit.data.rows import Row
from lmkit.errors import DataError

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(TEXT, min_size=1))
def test_bytes_give_the_texts_back(texts):
    assert unpack(pack(texts).tolist()) == texts


def test_a_text_alone_is_a_list_of_one():
    assert alternatives(Row({"a": "x"}, "f:1"), "a") == ["x"]
    assert alternatives(Row({"a": ["x", "y"]}, "f:1"), "a") == ["x", "y"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "f:1: column `a` is an empty list; fill it in or leave the row out"),
        (["x", None], "f:1: column `a.1` is null"),
        ({"x": 1}, "f:1: column `a` holds an object, not text"),
        (None, "f:1: column `a` is null"),
    ],
)
def test_what_is_no_text_is_named(value, told):
    with pytest.raises(DataError) as caught:
        alternatives(Row({"a": value}, "f:1"), "a")
    assert str(caught.value).startswith(told)
