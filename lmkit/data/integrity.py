"""Whether a folder of the cache is whole: its manifest, the sizes and hashes that stand in it."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from lmkit.hashing import sha256_of

MANIFEST = "meta.json"
DAMAGED = "damaged.txt"
"""Left in a folder in which other content than was written was found; holds what was found."""


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an entry."""
    meta: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return meta


def damage(folder: Path, *, contents: bool = False) -> str | None:
    """What is wrong with an entry, or None if it is whole.

    Args:
        folder: The entry.
        contents: Also read every file and compare its SHA-256; else only sizes are looked at.
    """
    try:
        files = read_manifest(folder)["files"].items()
    except FileNotFoundError:
        return f"{MANIFEST} is missing"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{MANIFEST} cannot be read"
    for name, expected in files:
        file = folder / name
        if not file.is_file():
            return f"{name} is missing"
        if (size := file.stat().st_size) != expected["bytes"]:
            return f"{name} has {size:,} bytes instead of {expected['bytes']:,}"
        if contents and sha256_of(file) != expected["sha256"]:
            return f"{name} has other content than was written (its SHA-256 differs)"
    with suppress(FileNotFoundError):
        return (folder / DAMAGED).read_text(encoding="utf-8")
    return None


def mark_damaged(folder: Path, found: str) -> None:
    """Have an entry be taken for damaged, though nothing but its content is; where that may be."""
    with suppress(OSError):
        (folder / DAMAGED).write_text(found, encoding="utf-8")
