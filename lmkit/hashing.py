"""The SHA-256 of a file, read in pieces: what checkpoints, caches and data are known by."""

import hashlib
from pathlib import Path

_PIECE = 1 << 20  # bytes


def sha256_of(file: Path) -> str:
    """The SHA-256 (hex) of a file."""
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while piece := handle.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
