"""rows.npz of a run: what each scored unit adds to the metrics, for paired comparisons later."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmkit.evaluation.paired import Units

MOST_BYTES = 1 << 28
"""Of the arrays together; more than ten million rows are not kept."""


def pack(units: Units) -> bytes | None:
    """The units as a compressed .npz file without pickles; None where they are too many."""
    if not units or sum(one.nbytes for one in units.values()) > MOST_BYTES:
        return None
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **units)
    return file.getvalue()


def unpack(path: Path) -> Units | None:
    """The units of a file; None where there is none, or it is damaged."""
    try:
        with zipfile.ZipFile(path) as parts:
            if sum(one.file_size for one in parts.infolist()) > 2 * MOST_BYTES:
                return None
        with np.load(path, allow_pickle=False) as arrays:
            units = {name: np.asarray(arrays[name]) for name in arrays.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
    return units if all(_is_sound(one) for one in units.values()) else None


def _is_sound(one: NDArray[Any]) -> bool:
    """Whether an array has one of the shapes of `Units`, and holds numbers."""
    shaped = one.ndim == 1 or (one.ndim == 2 and len(one) == 2)
    return bool(shaped and one.size and one.dtype.kind in "if")
