"""Several texts of a row that are equally right, such as the summaries of one abstract."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from lmkit.data.rows import Row, column
from lmkit.errors import DataError

_PART = b"\xff"  # between two texts: never a byte of UTF-8


def alternatives(row: Row, name: str) -> list[str]:
    """The texts in column `name` that are equally right, in their order: one, or those of a list.

    Raises:
        DataError: as `column`, of each text too; or the list is empty.
    """
    value = row.values.get(name)
    if not isinstance(value, list):
        return [column(row, name)]
    if not value:
        raise DataError(
            f"{row.origin}: column `{name}` is an empty list; fill it in or leave the row out"
        )
    numbered = {f"{name}.{at}": text for at, text in enumerate(value)}
    return [column(Row(numbered, row.origin), key) for key in numbered]


def pack(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Texts as bytes, (bytes,), so that they travel in a batch of tensors; `unpack` undoes it."""
    joined = _PART.join(text.encode("utf-8", "replace") for text in texts)
    return np.frombuffer(joined, dtype=np.uint8)


def unpack(values: Iterable[int]) -> list[str]:
    """The texts that `pack` made these bytes of."""
    return [text.decode() for text in bytes(values).split(_PART)]
