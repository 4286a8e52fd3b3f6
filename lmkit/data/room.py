"""Room on the disk, asked for before it is needed."""

from pathlib import Path

from lmkit.durable import shortage
from lmkit.errors import CacheError


def require_room(folder: Path, needed: int) -> None:
    """See that a folder, which may not be there yet, has room for `needed` bytes.

    Raises:
        CacheError: it has not; both numbers are told.
    """
    if short := shortage(folder, needed):
        raise CacheError(
            f"{folder}: no room: {short}; make room or set LMKIT_CACHE to a folder on a larger disk"
        )
