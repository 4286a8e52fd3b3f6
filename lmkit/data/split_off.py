"""What a recipe wants split off the training data: validation data, and a test if it says so."""

from lmkit.data.rows import Source, Splits
from lmkit.data.split import Share, hold_out
from lmkit.errors import DataError
from lmkit.recipe.base import TaskOptions
from lmkit.recipe.sections import DataSection

_CORPUS_TASKS = ("causal_lm", "masked_lm")  # their rows are running text


def split_off(splits: Splits, data: DataSection, options: TaskOptions) -> Splits:
    """The splits with what is missing of them taken out of the training data.

    The test is taken first and from the other end of the hashes, so that validation holds the same
    documents with and without it.

    Raises:
        DataError: there is too little to split, or no label to stratify by.
    """
    train, validation, test = splits
    strata = options.strata
    if data.stratify and strata is None:
        raise DataError(
            f"data.stratify: this {options.name} task has no column of classes; leave it out"
        )
    if data.stratify is False:
        strata = None
    left = 1.0
    if data.test_share is not None:
        if test is not None:
            raise DataError("data.test_share: the data set has a test split; leave it out")
        train, test = _held_out(train, Share(data.test_share, "test", strata=strata), options)
        left -= data.test_share
    if validation is None:
        share = Share(data.validation_share, rest=left, strata=strata)
        train, validation = _held_out(train, share, options)
    return Splits(train, validation, test)


def _held_out(source: Source, share: Share, options: TaskOptions) -> tuple[Source, Source]:
    """The training and the held-out side of a source."""
    return hold_out(
        source, share, text_column=getattr(options, "text_column", None),
        is_corpus=options.name in _CORPUS_TASKS,
    )  # fmt: skip
