"""Training examples with the changes that `data.augment` asks for."""

import logging
from functools import partial
from typing import Any

from transformers import PreTrainedTokenizerBase

from lmkit.data.augment import Augmenter, Replacement, is_kept
from lmkit.data.augmented import AugmentedExamples
from lmkit.data.rows import Row, Source, column
from lmkit.data.tokenizer import load_tokenizer
from lmkit.models.proposals import propose
from lmkit.recipe.augmenting import AugmentSection
from lmkit.run_folder import model_folder
from lmkit.tasks.base import Examples, Task

logger = logging.getLogger(__name__)


def augmented(
    task: Task[Any],
    examples: Examples,
    source: Source,
    tokenizer: PreTrainedTokenizerBase,
    section: AugmentSection,
    seed: int,
) -> AugmentedExamples:
    """The examples of a training split, changed by seed and epoch.

    Args:
        task: what is learned.
        examples: of the split as it is.
        source: the split.
        tokenizer: of the model that is trained.
        section: what is changed.
        seed: of the draws.

    Raises:
        ModelError: the masked model cannot be read, or is none.
        DataError: a text is missing.
    """
    columns = task.input_columns()
    rows = [Row({name: column(row, name) for name in columns}, row.origin) for row in source.rows()]
    replacements = None
    if section.masked_model is not None:
        replacements = _proposed(rows, columns, section, seed)
    encode = partial(task.encode_again, tokenizer=tokenizer)
    augmenter = Augmenter(section, seed)
    return AugmentedExamples(examples, rows, columns, augmenter, replacements, encode)


def _proposed(
    rows: list[Row], columns: tuple[str, ...], section: AugmentSection, seed: int
) -> list[list[list[Replacement]]]:
    """What a masked model puts in the place of words: of each row and column."""
    asked = section.masked_model
    assert asked is not None, "the caller looked"
    keep = frozenset(word.casefold() for word in section.keep)
    texts = [row.values[name] for row in rows for name in columns]
    logger.info("data.augment: %s proposes words for %d texts", asked.source, len(texts))
    found = propose(
        texts, asked.source, load_tokenizer(model_folder(asked.source)), share=asked.share,
        top_k=asked.top_k, keep=partial(is_kept, keep=keep), seed=seed,
    )  # fmt: skip
    flat = [[Replacement(*spot) for spot in spots] for spots in found]
    return [flat[at : at + len(columns)] for at in range(0, len(flat), len(columns))]
