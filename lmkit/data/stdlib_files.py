"""The files of the embedded data set `stdlib`, and the split that each belongs to.

Left out: tests, `encodings` (tables), what is not part of the library (installed packages, build
configuration), files that are blank, not UTF-8, or equal to an earlier one.

The split is 90/5/5 of the files by the hash of their content, within each package, so that every
larger package can be told apart in every split: in the order of their hashes the first 5 % (at
least one) of a package's files are test, the next 5 % validation. Held out are only files of 4 to
100 KB that are at most a fifth of their package; packages of fewer than 5 files, and single
modules, count as one package.
"""

import hashlib
import os
import sysconfig
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lmkit.errors import DataError

SPLITS = ("train", "validation", "test")

_EXCLUDED_FOLDERS = frozenset(
    ("test", "tests", "idle_test", "encodings", "site-packages", "dist-packages", "__pycache__")
)
_EXCLUDED_FILES = ("_sysconfigdata", "sitecustomize", "usercustomize")  # not the library's own
_SHARE = 0.05  # of the files of a package, for test and for validation each
_PACKAGE = 5  # files from which on a package is split by itself
_HELD_OUT_BYTES = (4_000, 100_000)
_HELD_OUT_PART = 0.2  # of the bytes of its package


@dataclass(frozen=True)
class Module:
    """A source file of the library."""

    path: str  # below the library's folder, with slashes
    content: bytes
    sha256: str

    @property
    def package(self) -> str:
        """The top-level package, or nothing for a single module."""
        return self.path.split("/")[0] if "/" in self.path else ""

    @property
    def text(self) -> str:
        """The source; a byte-order mark is not part of it."""
        return self.content.decode("utf-8-sig")


def library() -> Path:
    """The folder of the standard library of the running Python."""
    return Path(sysconfig.get_path("stdlib"))


@cache
def modules(root: Path) -> dict[str, list[Module]]:
    """The source files of each split, by path.

    Raises:
        DataError: there are none, or one cannot be read.
    """
    groups: dict[str, list[Module]] = defaultdict(list)
    files = found(root)
    sizes = Counter(module.package for module in files)
    for module in files:
        groups[module.package if sizes[module.package] >= _PACKAGE else ""].append(module)
    splits: dict[str, list[Module]] = {split: [] for split in SPLITS}
    for group in groups.values():
        share = max(1, round(_SHARE * len(group)))
        free = {"test": share, "validation": share}
        limit = min(_HELD_OUT_BYTES[1], _HELD_OUT_PART * sum(len(item.content) for item in group))
        for module in sorted(group, key=lambda item: item.sha256):
            split = "train"
            if _HELD_OUT_BYTES[0] <= len(module.content) <= limit:
                split = next((side for side, count in free.items() if count), "train")
            if split in free:
                free[split] -= 1
            splits[split].append(module)
    return {split: sorted(items, key=lambda item: item.path) for split, items in splits.items()}


def found(root: Path) -> list[Module]:
    """The files of the set, by path."""
    paths = []
    for folder, folders, names in os.walk(root):
        folders[:] = [
            name
            for name in folders
            if name not in _EXCLUDED_FOLDERS and not name.startswith("config-")
        ]
        paths += [
            Path(folder, name)
            for name in names
            if name.endswith(".py") and not name.startswith(_EXCLUDED_FILES)
        ]
    seen = set()
    files = []
    for path in sorted(paths, key=lambda item: item.relative_to(root).as_posix()):
        if path.is_symlink():
            continue
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 in seen or not content.strip() or not _is_utf8(content):
            continue
        seen.add(sha256)
        files.append(Module(path.relative_to(root).as_posix(), content, sha256))
    if not files:
        raise DataError(
            f"data.dataset: stdlib: this Python has no source files under {root}; install one that "
            "comes with them, or give files (data.train)"
        )
    return files


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
