"""What is held out of the training data."""

import pytest
from pydantic import ValidationError

from lmkit.recipe.sections import DataSection


def test_defaults() -> None:
    data = DataSection(train="a.csv")
    assert (data.validation_share, data.test_share, data.stratify) == (0.05, None, None)
    assert DataSection(train="a.csv", test_share=0.1, stratify=False).test_share == 0.1


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"train": "a", "test": "b"}, "there is `data.test`; give one of them"),
        ({"dataset": "stdlib"}, "`stdlib` has a test split of its own"),
        ({"train": "a", "streaming": True}, "not with data.streaming"),
        ({"train": "a", "validation_share": 0.6}, "leave nothing to train on"),
    ],
)
def test_a_test_share_that_cannot_be(keys: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=rf"data\.test_share: .*{says}"):
        DataSection.model_validate({"test_share": 0.5, **keys})
