"""The protocol is met by what implements it."""

import numpy as np

from lmkit.data.encoded import EncodedTexts
from lmkit.data.indexed import Indexed


def first(examples: Indexed) -> dict[str, object]:
    return examples[0, 0]


def test_encoded_texts_are_examples():
    texts = EncodedTexts(np.arange(3), np.array([0, 3]), np.array([1]), 0)
    assert first(texts)["labels"] == 1
    assert texts.lengths.tolist() == [3]
