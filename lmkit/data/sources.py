"""From the `data` section of a recipe to the rows of its splits.

Local files are read in file_source.py, hub sets in hub.py, the embedded `stdlib` set in stdlib.py.
Whatever the format, rows are streamed: nothing is held but the row at hand.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lmkit.data.clean import clean_parts
from lmkit.data.clean_libraries import check_libraries
from lmkit.data.file_source import FileSource
from lmkit.data.files import find_files
from lmkit.data.formats import Kind
from lmkit.data.hub import HubSource, open_hub
from lmkit.data.limits import FirstRows, FirstTokens
from lmkit.data.mixture import Joined, Mixture
from lmkit.data.refusals import refuse
from lmkit.data.rows import Row as Row
from lmkit.data.rows import Source as Source
from lmkit.data.rows import Splits as Splits
from lmkit.data.rows import column as column
from lmkit.data.rows import label as label
from lmkit.data.split_off import split_off
from lmkit.data.stdlib import open_stdlib
from lmkit.data.stream_opening import cut_files, open_stream, unread
from lmkit.data.text import Reading
from lmkit.errors import DataError
from lmkit.recipe.base import TaskOptions
from lmkit.recipe.mixture import MixturePart
from lmkit.recipe.sections import DataSection

logger = logging.getLogger(__name__)


def open_splits(data: DataSection, options: TaskOptions) -> Splits:
    """The training, validation and test data of a recipe.

    Where no validation data is named it is split off the training data (see split.py for how), of a
    mixture off each part; so is test data that the recipe asks for. Each split is looked into, so
    that an empty or unreadable one is found before anything else.

    Raises:
        DataError: a file, a folder or a row cannot be used; it is named with the cure.
        HubError: a hub set cannot be had.
        MissingExtraError: `data.clean` needs a library that is not installed.
    """
    if data.clean is not None:
        check_libraries(data.clean)
    if data.mixture:
        return _open_mixture(data, options)
    if data.streaming:
        return _open_stream(data, options)
    if data.dataset == "stdlib":
        splits = open_stdlib(data, options)
    elif data.dataset is not None:
        splits = open_hub(data, getattr(options, "text_column", None))
    else:
        splits = _open_local(data, options)
    for source in splits:
        if source is not None:
            _look_into(source)
    (train,), validation, test = _cleaned(
        [splits.train], splits.validation, splits.test, data, options
    )
    train, validation, test = split_off(Splits(train, validation, test), data, options)
    return Splits(
        _beginning(train, data, training=True),
        validation and _beginning(validation, data),
        test and _beginning(test, data),
    )


def open_files(
    spec: str | Sequence[str],
    data: DataSection,
    options: TaskOptions,
    *,
    name: str,
    key: str,
    kind: Kind | None = None,
) -> FileSource:
    """Files that are read as a recipe's own are.

    Args:
        spec: A file, a folder, a glob or a list of them.
        data: How they are read.
        options: The task, for the name of its text column.
        name: The split they stand for.
        key: What names them (`data.train`, `--data`), for messages.
        kind: Their format; left out, that of `data`, else by the extensions.

    Raises:
        DataError: nothing is found.
    """
    reading = Reading(data.document, data.errors, getattr(options, "text_column", None))
    return FileSource(name, find_files(spec, key, kind or data.format), reading)


def _look_into(source: Source) -> None:
    """Read one row."""
    try:
        next(source.rows())
    except DataError as error:
        refuse(error)


def _open_local(data: DataSection, options: TaskOptions) -> Splits:
    """The sources that the recipe names itself."""
    spec = data.files("train")
    assert spec is not None, "without `dataset` there is `train`"
    train = open_files(spec, data, options, name="train", key="data.train")
    return Splits(train, *_scored(data, options, [train]))


def _open_mixture(data: DataSection, options: TaskOptions) -> Splits:
    """A mixture of the entries of `data.train`, each with its own validation data split off."""
    entries = tuple(data.mixture)
    opened = [_open_entry(entry, data, options, number) for number, entry in enumerate(entries)]
    scored = _scored(data, options, opened)
    for source in (*opened, *scored):
        if source is not None:
            _look_into(source)
    parts, validation, test = _cleaned(opened, *scored, data, options)
    sides = [split_off(Splits(part, validation, test), data, options) for part in parts]
    limited = tuple(_beginning(side.train, data, training=True) for side in sides)
    return Splits(
        Mixture("train", limited, entries),
        _joined("validation", validation, [side.validation for side in sides], data),
        _joined("test", test, [side.test for side in sides], data),
    )


def _open_stream(data: DataSection, options: TaskOptions) -> Splits:
    """The training split as a stream of shards; the others are read whole."""
    if data.dataset is not None:
        train, validation, test = open_hub(data, getattr(options, "text_column", None))
        assert isinstance(train, HubSource)
        shards: Sequence[Source] = train.shards()
        files, reading = train.describe(), Reading()
    else:
        train, validation, test = _open_local(data, options)
        assert isinstance(train, FileSource)
        files, reading = unread(train.files), train.reading
        shards = [FileSource("train", group, reading) for group in cut_files(train.files, reading)]
    for source in filter(None, (validation, test)):
        _look_into(source)
    share = data.validation_share if validation is None else None
    column = getattr(options, "text_column", None)
    stream, held_out = open_stream(shards, asdict(reading), files, share, column)
    return Splits(stream, validation or held_out, test)


def _open_entry(entry: MixturePart, data: DataSection, options: TaskOptions, number: int) -> Source:
    """One part of a mixture, whole; its name is `train.N`."""
    name, key = f"train.{number}", f"data.train.{number}"
    if entry.path is not None:
        return open_files(
            entry.path, data, options, name=name, key=f"{key}.path", kind=entry.format
        )
    section = DataSection(
        dataset=entry.dataset, config=entry.config, revision=entry.revision, train=entry.split
    )
    if entry.dataset == "stdlib":
        part: Any = open_stdlib(section, options, key).train
    else:
        part = open_hub(section, getattr(options, "text_column", None), key).train
    part.name = name
    opened: Source = part
    return opened


def _scored(
    data: DataSection, options: TaskOptions, training: Sequence[Source]
) -> tuple[FileSource | None, FileSource | None]:
    """The validation and test files; one that is trained on too is told."""
    files = [file for part in training if isinstance(part, FileSource) for file in part.files]
    shared = {file.path.resolve() for file in files}
    found: list[FileSource | None] = []
    for name in ("validation", "test"):
        spec = data.files(name)
        if spec is None:
            found.append(None)
            continue
        source = open_files(spec, data, options, name=name, key=f"data.{name}")
        if both := [file for file in source.files if file.path.resolve() in shared]:
            logger.warning(
                "data.train and data.%s both hold %s: the scores will be too good", name, both[0]
            )
        found.append(source)
    return found[0], found[1]


def _joined(
    name: str, named: Source | None, sides: Sequence[Source | None], data: DataSection
) -> Source | None:
    """A scored split of a mixture: the one that is named, else what each part holds out of it."""
    if named is not None:
        return _beginning(named, data)
    held_out = tuple(_beginning(side, data) for side in sides if side is not None)
    return Joined(name, held_out) if held_out else None


def _cleaned(
    parts: Sequence[Source], validation: Source | None, test: Source | None, data: DataSection,
    options: TaskOptions,
) -> tuple[list[Source], Source | None, Source | None]:  # fmt: skip
    """The parts of the training split and the scored splits, cleaned as the recipe says."""
    if data.clean is None or not data.clean.is_active:
        return list(parts), validation, test
    training, (validation, test) = clean_parts(parts, (validation, test), data.clean, options)
    return training, validation, test


def _beginning(source: Source, data: DataSection, *, training: bool = False) -> Source:
    """As much of a split as the limits of the recipe leave."""
    if data.max_documents is not None:
        source = FirstRows(source.name, source, data.max_documents)
    if training and data.max_tokens is not None:
        source = FirstTokens(source.name, source, data.max_tokens)
    return source
