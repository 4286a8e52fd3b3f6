"""Details of left-to-right language models. Shape letters: N windows, D documents."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from lmkit.data.sources import column
from lmkit.details.explaining import Question, continued, next_token
from lmkit.details.grouping import source_groups
from lmkit.details.samples import Sample, beginning
from lmkit.details.scored import WORST, Scored
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.perplexity import documents
from lmkit.evaluation.slices import Measure, sliced
from lmkit.evaluation.surprise import LEAST_BYTES, bits, context_curve, most_surprising
from lmkit.tasks.base import Features, Task


def details(scored: Scored) -> list[Detail]:
    """Loss by context, by source, by length, and the most surprising documents."""
    sums, rows = documents(scored.rows), scored.rows
    places = np.unique(np.asarray(rows["document"], np.int64))  # (D,)
    measures = [Measure("loss", sums.nll, sums.count)]
    if sums.bytes.any():
        measures.append(Measure("bits_per_byte", bits(sums.nll), sums.bytes))
    sources = source_groups(scored.source.rows()).taken(places)
    found = [context_curve(rows["context"])]
    if len(np.unique(sources.of)) > 1:
        found.append(
            sliced("by_source", "By source", sources, measures, unit="documents", seed=scored.seed)
        )
    found += scored.slices(sums.count, measures, unit="documents", places=places)
    if sums.bytes.any():
        found.append(_surprising(scored, places))
    return found


def _surprising(scored: Scored, places: np.ndarray) -> Detail:
    """The documents with the most bits a byte."""
    sums = documents(scored.rows)
    chosen = most_surprising(bits(sums.nll), sums.bytes, WORST)
    picked = scored.picked(places[chosen].tolist())
    rows = []
    for at in chosen:
        row = picked[int(places[at])]
        text = column(row, scored.task.options.text_column)
        per_byte = float(bits(sums.nll[at]) / sums.bytes[at])
        rows.append([row.origin, per_byte, int(sums.bytes[at]), text])
    return Detail(
        "most_surprising", "The most surprising documents",
        f"Up to {WORST} documents with the most bits a byte, and their first words: often another "
        f"language, noise, or what the training data lacks. Those of fewer than {LEAST_BYTES} "
        "bytes are left out where there are longer ones.",
        "texts", ["where", "bits_per_byte", "bytes", "text"], rows,
    )  # fmt: skip


def sample(features: Features) -> Sample | None:
    """The beginning of a text."""
    return beginning(features["input_ids"].tolist())


def questions(
    task: Task[Any], texts: Sequence[str], tokenizer: PreTrainedTokenizerBase
) -> list[Question]:
    """Beginnings of texts."""
    return continued(task.options, texts, tokenizer, task.options.block_size)


answers = next_token
"""The next token."""
