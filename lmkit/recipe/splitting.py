"""The part of the `data` section that decides what is held out of the training data, and how."""

from typing import Any

from pydantic import Field

from lmkit.recipe.base import Section


class SplittingSection(Section):
    """Shares of the documents that are never trained on."""

    validation_share: float = Field(default=0.05, gt=0.0, lt=1.0)
    """Share of documents split off for validation, by a hash of content, where none is given."""
    test_share: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Share of documents split off for the test, likewise; left out, none is."""
    stratify: bool | None = None
    """Whether each label gets its share of what is split off; left out, it does where a text has
    one of several labels."""

    def check_shares(self) -> None:
        """See that there is something to split, and something left to train on.

        Raises:
            ValueError: there is not.
        """
        if self.test_share is None:
            return
        given: Any = self
        if given.test is not None:
            raise ValueError("data.test_share: there is `data.test`; give one of them")
        if given.dataset == "stdlib":
            raise ValueError("data.test_share: `stdlib` has a test split of its own; leave it out")
        if given.streaming:
            raise ValueError("data.test_share: not with data.streaming; name files in data.test")
        if given.validation is None and self.test_share + self.validation_share >= 1:
            raise ValueError(
                f"data.test_share: {self.test_share:g} and validation_share "
                f"{self.validation_share:g} leave nothing to train on"
            )
