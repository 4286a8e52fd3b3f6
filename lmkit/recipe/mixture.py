"""One entry of a mixture: a source of training data, and how much of an epoch it makes."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lmkit.recipe.base import Section

Name = Annotated[str, Field(min_length=1)]
Files = Name | Annotated[list[Name], Field(min_length=1)]
Format = Literal["text", "json", "jsonl", "csv", "tsv", "parquet", "arrow", "conll"]


class MixturePart(Section):
    """One source among several; the other keys of `data` say how it is read, as for one alone."""

    path: Files | None = None
    """A file, a folder, a glob or a list of them."""
    dataset: Name | None = None
    """Instead of `path`: a hub name (`org/name`), or `stdlib`."""
    config: str | None = None
    """The configuration of a hub set."""
    revision: str | None = None
    """The branch, tag or commit of a hub set."""
    split: Name | None = None
    """The split of `dataset`; left out, `train`."""
    format: Format | None = None
    """The format of the files, whatever their names say; left out, `data.format`."""
    weight: float | None = Field(default=None, gt=0.0)
    """The share of an epoch's tokens, relative to the other entries' (they need not sum to 1)."""
    repeat: int | None = Field(default=None, ge=1)
    """Instead of weights: how often an epoch reads all of it; left out, once."""

    @model_validator(mode="after")
    def _one_origin(self) -> "MixturePart":
        if (self.path is None) == (self.dataset is None):
            raise ValueError("give either `path` or `dataset`")
        if self.weight is not None and self.repeat is not None:
            raise ValueError("give `weight` or `repeat`, not both")
        if self.dataset is None:
            return self._without(("config", "revision", "split"), "`dataset`")
        if self.dataset == "stdlib":
            self._without(("config", "revision"), "a hub name in `dataset`")
        return self._without(("format",), "`path`")

    def _without(self, keys: tuple[str, ...], needed: str) -> "MixturePart":
        for key in keys:
            if getattr(self, key) is not None:
                raise ValueError(f"`{key}`: only with {needed}")
        return self

    def label(self) -> str:
        """What it is, in a word or two, for messages and ledgers."""
        if self.dataset is not None:
            return self.dataset if self.split is None else f"{self.dataset} ({self.split})"
        paths = [self.path] if isinstance(self.path, str) else self.path or []
        return ", ".join(paths)
