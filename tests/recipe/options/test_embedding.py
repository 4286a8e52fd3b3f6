"""Options of `embedding`."""

import pytest
from pydantic import ValidationError

from lmkit.recipe.options import OPTIONS
from lmkit.recipe.options.embedding import EmbeddingOptions


def test_it_is_found_by_its_name() -> None:
    assert OPTIONS["embedding"] is EmbeddingOptions
    assert EmbeddingOptions.verb == "finetune"


def test_what_is_left_out_is_found_later() -> None:
    options = EmbeddingOptions(name="embedding")
    left = (options.objective, options.score_high, options.pooling, options.normalize)
    assert left == (None, None, None, None)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"score_low": 1, "score_high": 1}, "must be above task.score_low"),
        ({"temperature": 0.0}, "greater than 0"),
        ({"pooling": "max"}, "'mean', 'cls' or 'last'"),
        ({"objective": "cosent"}, "'cosine', 'contrastive' or 'triplet'"),
    ],
)
def test_what_cannot_be_is_an_error(keys: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        EmbeddingOptions(name="embedding", **keys)  # type: ignore[arg-type]
