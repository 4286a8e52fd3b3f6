"""The SHA-256 of a file, read in pieces: what checkpoints, caches and data are known by."""

import hashlib
from pathlib import Path

_PIECE = 1 << 20  # bytes
_SAMPLES, _SAMPLE = 64, 1 << 16  # how many, and the bytes of each


def sha256_of(file: Path) -> str:
    """The SHA-256 (hex) of a file."""
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while piece := handle.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def sample_of(file: Path) -> str:
    """The SHA-256 (hex) of a file's size and of 64 pieces evenly spaced over it, in no time.

    Tells apart the weights of models that were trained; not for what somebody may forge.
    """
    size = file.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with file.open("rb") as handle:
        for number in range(_SAMPLES):
            handle.seek(max(0, size - _SAMPLE) * number // (_SAMPLES - 1))
            digest.update(handle.read(_SAMPLE))
    return digest.hexdigest()
