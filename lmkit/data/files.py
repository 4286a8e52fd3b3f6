"""Which files a recipe means: a file, a folder, a glob, or a list mixing them, in a fixed order.

A search stays inside the folder it begins in: links that lead out of it are not followed.
"""

import fnmatch
import json
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lmkit.data.formats import FORMATS, DataFile, Kind, data_file, is_known
from lmkit.errors import DataError
from lmkit.recipe.nearest import did_you_mean

logger = logging.getLogger(__name__)

_MAGIC = re.compile(r"[*?\[]")


def find_files(spec: str | Sequence[str], key: str, kind: Kind | None = None) -> list[DataFile]:
    """The files that `spec` names, each once: in the order of the list, within a folder by path.

    Args:
        spec: A path, a glob or several; relative ones are relative to the working directory.
        key: The recipe's key, for messages.
        kind: The format of all of them; left out, each one's by its extension, and a search through
            a folder takes those of a known one.

    Raises:
        DataError: nothing is there (the nearest name is told), or it holds no file of a known
            format, or a folder may not be read.
    """
    found: dict[Path, DataFile] = {}
    for item in [spec] if isinstance(spec, str) else spec:
        for path in _expand(item, key, any_name=kind is not None):
            if path in found:
                logger.warning("%s: %s is named twice; it is read once", key, path)
                continue
            found[path] = data_file(path, kind)
    if not found:
        raise DataError(f"{key}: an empty list; name a file, a folder or a glob")
    return list(found.values())


def _expand(item: str, key: str, *, any_name: bool) -> list[Path]:
    """The files of one entry; in a folder those of known formats, or of `any_name`."""
    if item == "-":
        raise DataError(f"{key}: standard input (`-`) is not read here; write it to a file first")
    if not item.strip():
        raise DataError(f"{key}: an empty path; name a file, a folder or a glob")
    path = Path(item).expanduser()
    try:
        if path.is_dir():
            return _folder(path, key, any_name=any_name)
        if path.exists():
            if not path.is_file():
                raise DataError(f"{key}: {path} is neither a file nor a folder")
            return [path]
    except PermissionError as error:
        raise DataError(f"{key}: {path}: no permission to read it") from error
    if _MAGIC.search(item):
        return _glob(path, key, any_name=any_name)
    raise _missing(path, key)


def _folder(folder: Path, key: str, *, any_name: bool) -> list[Path]:
    """Every file of a known format, or of `any_name`, below `folder`."""
    if (folder / "dataset_dict.json").is_file():
        splits = sorted(item.name for item in folder.iterdir() if item.is_dir())
        raise DataError(
            f"{key}: {folder} holds several splits of a saved data set; name one of them: "
            f"{', '.join(str(folder / name) for name in splits)}"
        )
    files, outside = _inside(folder, list(_walk(folder, None)))
    known = [file for file in files if any_name or is_known(file)]
    if len(known) < len(files):
        ignored = sorted({file.suffix or file.name for file in files if not is_known(file)})
        logger.info(
            "%s: %d files of other formats under %s are left out (%s)",
            key, len(files) - len(known), folder, ", ".join(ignored[:8]),
        )  # fmt: skip
    if not known:
        raise DataError(
            f"{key}: no file of a known format under {folder}{_left_out(outside)}; "
            f"formats: {FORMATS}"
        )
    return known


def _glob(pattern: Path, key: str, *, any_name: bool) -> list[Path]:
    """Every file that the pattern matches; `**` stands for any folders, none included."""
    parts = pattern.parts
    first = next(i for i, part in enumerate(parts) if _MAGIC.search(part))
    base, rest = Path(*parts[:first]), parts[first:]
    if ".." in rest:
        raise DataError(f"{key}: {pattern}: a glob cannot leave its folder ({base}) by `..`")
    if not base.is_dir():
        raise _missing(base, key)
    depth = None if "**" in rest else len(rest)
    hidden = any(part.startswith(".") for part in rest)
    matched = [
        file
        for file in _walk(base, depth, hidden=hidden)
        if _matches(file.relative_to(base).parts, rest)
    ]
    files, outside = _inside(base, matched)
    # `*.dat` asks for what it names; `*` only for what is known to be data.
    last = Path(rest[-1]).suffix
    if not any_name and (_MAGIC.search(last) or not last):
        files = [file for file in files if is_known(file)]
    if not files:
        raise DataError(
            f"{key}: {pattern} matches no file{_left_out(outside)}; `*` stays in one folder, `**` "
            f"goes through all below; formats: {FORMATS}"
        )
    return files


def _matches(path: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a glob."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_matches(path[i:], pattern[1:]) for i in range(len(path) + 1))
    return (
        bool(path) and fnmatch.fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])
    )


def _walk(folder: Path, depth: int | None, *, hidden: bool = False) -> Iterator[Path]:
    """Files below `folder` by path, links to folders not followed, hidden names left out.

    Of a folder that `datasets` saved only the Arrow files it lists are given.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: the folder cannot be read ({error.strerror})")

    found = []
    for root, folders, names in os.walk(folder, onerror=refuse):
        here = Path(root)
        level = len(here.relative_to(folder).parts) + 1
        keep = [name for name in folders if hidden or not name.startswith(".")]
        folders[:] = [] if depth is not None and level >= depth else keep
        saved = _saved_files(here) if "state.json" in names else None
        for name in names if saved is None else saved:
            if hidden or not name.startswith("."):
                found.append(here / name)
    yield from sorted(found, key=lambda file: file.relative_to(folder).as_posix())


def _saved_files(folder: Path) -> list[str] | None:
    """The data files of a folder written by `Dataset.save_to_disk`; None for any other folder."""
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        names = [Path(str(item["filename"])).name for item in state["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return names


def _inside(folder: Path, files: Sequence[Path]) -> tuple[list[Path], int]:
    """The files that are really below `folder`, and how many links lead out of it or nowhere."""
    home = folder.resolve()
    kept = [
        file
        for file in files
        if (not file.is_symlink() or file.resolve().is_relative_to(home)) and file.is_file()
    ]
    outside = len(files) - len(kept)
    if outside:
        logger.warning("%s: %d links lead out of the folder and are not followed", folder, outside)
    return kept, outside


def _left_out(outside: int) -> str:
    """What a message adds where links were left out."""
    return f" ({outside} links lead out of the folder and are not followed)" if outside else ""


def _missing(path: Path, key: str) -> DataError:
    """The error for a path that is not there, with the nearest name in the last folder that is."""
    parent = path.parent
    while not parent.is_dir() and parent != parent.parent:
        parent = parent.parent
    name = path.relative_to(parent).parts[0] if path.is_relative_to(parent) else path.name
    names = sorted(item.name for item in parent.iterdir()) if os.access(parent, os.R_OK) else []
    hint = did_you_mean(name, names) or f"; {parent.absolute()} holds no such name"
    return DataError(f"{key}: no such file or folder: {path}{hint}")
