"""Data sets of the Hugging Face hub: found by name, pinned to a commit, streamed or not.

The hub is asked once, with a short time-out, before `datasets` is: that library tries for half a
minute when there is no network. Without one, a set that was downloaded before is taken from its
cache. No code of a repository is ever run.
"""

import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import datasets
import huggingface_hub
from datasets.exceptions import DatasetsError
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from lmkit.data.fingerprint import combined
from lmkit.data.rows import Row, RowSource, Splits
from lmkit.errors import DataError, HubError
from lmkit.hub import TransportError
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.sections import DataSection

logger = logging.getLogger(__name__)

_TIMEOUT = 5.0  # seconds the hub has to answer
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LOCAL = "give local files (data.train: FILE), or data.dataset: stdlib, which needs no network"


class HubSource(RowSource):
    """One or several splits of a hub set, in order."""

    def __init__(
        self,
        name: str,
        parts: Mapping[str, Any],
        *,
        text_column: str | None,
        identity: Mapping[str, str | None],
    ) -> None:
        super().__init__(name, text_column)
        self._parts = dict(parts)
        self._identity = dict(identity)

    def shards(self) -> list["HubSource"]:
        """The shards of a set that is streamed: each is opened without reading the others."""
        return [
            HubSource(
                self.name,
                {f"{split} shard {number + 1} of {part.num_shards}": shard},
                text_column=self._text_column,
                identity=self._identity,
            )
            for split, part in self._parts.items()
            for number in range(part.num_shards)
            for shard in [part.shard(part.num_shards, number)]
        ]

    def read(self) -> Iterator[Row]:
        """Every row; numbers of a class column become the class names."""
        for split, part in self._parts.items():
            convert = _class_names(part.features or {})
            for number, values in enumerate(part, start=1):
                named = {**values, **{key: to(values[key]) for key, to in convert.items()}}
                yield Row(named, f"{self._identity['dataset']}:{split} row {number}")

    def nothing(self, blank: int) -> str:
        """The splits that are empty."""
        what = "only blank rows" if blank else "no row"
        return f"{self._identity['dataset']}: {what} in {', '.join(self._parts)}"

    def fingerprint(self) -> str:
        """SHA-256 of the repository, its commit, the configuration and the names of the splits."""
        return combined(["hub", self._identity, list(self._parts), self._text_column])

    def describe(self) -> list[dict[str, Any]]:
        """One entry: repository, commit, configuration and splits."""
        path = f"hf://datasets/{self._identity['dataset']}"
        sha256 = self.fingerprint()
        return [{"path": path, **self._identity, "splits": list(self._parts), "sha256": sha256}]


def open_hub(data: DataSection, text_column: str | None, key: str = "data") -> Splits:
    """The splits of a hub set: those named, else `train` and, where there are such, the others.

    Args:
        data: Names the set.
        text_column: The column of the text; None where the task has none.
        key: Where the recipe names the set, for messages: `data`, or an entry of a mixture.

    Raises:
        HubError: there is no network and no cached copy, no such set, configuration or revision,
            or it needs code or a permission.
        DataError: there is no such split.
    """
    name = data.dataset or ""
    commit = _commit(name, data.revision, key)
    with _offline(commit is None):
        parts, commit = _load(data, commit, key)
    identity = {"dataset": name, "config": data.config, "commit": commit}
    sources = {}
    for side in ("train", "validation", "test"):
        spec = data.files(side)
        if spec is None and side != "train" and side not in parts:
            continue
        wanted = [side] if spec is None else [spec] if isinstance(spec, str) else spec
        for split in wanted:
            if split not in parts:
                where = f"data.{side}" if key == "data" else f"{key}.split"
                raise DataError(
                    f"{where}: {name} has no split `{split}`; it has "
                    f"{', '.join(parts)}{did_you_mean(split, list(parts))}"
                )
        chosen = {split: parts[split] for split in wanted}
        sources[side] = HubSource(side, chosen, text_column=text_column, identity=identity)
    return Splits(sources["train"], sources.get("validation"), sources.get("test"))


def _commit(name: str, revision: str | None, key: str) -> str | None:
    """The commit that the hub holds now; None where it cannot be reached."""
    try:
        info = huggingface_hub.HfApi().dataset_info(name, revision=revision, timeout=_TIMEOUT)
    except GatedRepoError as error:
        raise HubError(
            f"{key}.dataset: {name} asks for permission: accept its terms on "
            f"https://huggingface.co/datasets/{name} and log in with `hf auth login`"
        ) from error
    except RevisionNotFoundError as error:
        raise HubError(f"{key}.revision: {name} has no revision `{revision}`") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        hint = did_you_mean(name, ["stdlib"])
        raise HubError(
            f"{key}.dataset: no data set `{name}` on the hub (or a private one: log in with "
            f"`hf auth login`){hint}; {_LOCAL}"
        ) from error
    except HfHubHTTPError as error:
        raise HubError(f"{key}.dataset: {name}: the hub answers: {error}; {_LOCAL}") from error
    except (TransportError, OfflineModeIsEnabled, OSError) as error:
        logger.info("the hub cannot be reached (%s)", str(error).partition("\n")[0] or repr(error))
        return None
    return str(info.sha)


def _load(data: DataSection, commit: str | None, key: str) -> tuple[Mapping[str, Any], str]:
    """Every split of the set and their commit; without a commit only the cache is used."""
    name = data.dataset or ""
    if commit is None and data.streaming:
        raise HubError(f"{key}.dataset: the hub cannot be reached to stream {name}; {_LOCAL}")
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    try:
        # The prefix keeps a folder of that name in the working directory from being taken.
        builder = datasets.load_dataset_builder(
            f"hf://datasets/{name}", data.config, revision=commit or data.revision
        )
        if data.streaming:
            parts = builder.as_streaming_dataset()
        else:
            builder.download_and_prepare()
            parts = builder.as_dataset()
    except (ConnectionError, OfflineModeIsEnabled) as error:
        raise HubError(
            f"{key}.dataset: the hub cannot be reached and {name} was not downloaded before"
            f"{did_you_mean(name, ['stdlib'])}; {_LOCAL}"
        ) from error
    except (DatasetsError, TransportError, OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:500]
        raise HubError(f"{key}.dataset: {name} cannot be loaded: {reason}; {_LOCAL}") from error
    found = str(builder.hash)
    if commit is None:
        if (
            data.revision is not None
            and _COMMIT.fullmatch(data.revision)
            and found != data.revision
        ):
            raise HubError(
                f"{key}.revision: the hub cannot be reached, and the copy of {name} in the cache "
                f"is of {found}, not of {data.revision}"
            )
        logger.warning("the hub cannot be reached: %s is taken from the cache (%s)", name, found)
    return parts, commit or found


@contextmanager
def _offline(wanted: bool) -> Iterator[None]:
    """While inside, the libraries use their caches only: they read these names at each call."""
    before = datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE
    if wanted:
        datasets.config.HF_HUB_OFFLINE = huggingface_hub.constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE = before


def _class_names(features: Mapping[str, Any]) -> dict[str, Callable[[Any], Any]]:
    """For each column of class numbers, or of lists of them, what turns them into names."""
    convert: dict[str, Callable[[Any], Any]] = {}
    for key, feature in features.items():
        inner = getattr(feature, "feature", feature)
        if isinstance(inner, datasets.ClassLabel):
            convert[key] = partial(_named, list(inner.names))
    return convert


def _named(names: Sequence[str], value: Any) -> Any:
    """The name of a class, or those of a list of classes; None for a missing one (null or -1)."""
    if isinstance(value, list):
        return [_named(names, item) for item in value]
    return None if value is None or value < 0 else names[value]
