"""Details of masked language models. Shape letters: N windows, D documents."""

import numpy as np

from lmkit.data.sources import column
from lmkit.details.grouping import source_groups
from lmkit.details.samples import PIECE, Sample
from lmkit.details.scored import WORST, Scored, worst
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.perplexity import documents
from lmkit.evaluation.slices import Measure, sliced
from lmkit.labels import IGNORED
from lmkit.tasks.base import Features

LEAST = 8
"""Hidden tokens of a document among the most surprising, where any has as many."""


def details(scored: Scored) -> list[Detail]:
    """Loss and accuracy by source and length, and the most surprising documents."""
    sums = documents(scored.rows)
    places = np.unique(np.asarray(scored.rows["document"], np.int64))  # (D,)
    measures = [
        Measure("loss", sums.nll, sums.count), Measure("accuracy", sums.correct, sums.count)
    ]  # fmt: skip
    sources = source_groups(scored.source.rows()).taken(places)
    found = []
    if len(np.unique(sources.of)) > 1:
        found.append(
            sliced("by_source", "By source", sources, measures, unit="documents", seed=scored.seed)
        )
    found += scored.slices(
        sums.count, measures, length="hidden tokens", unit="documents", places=places
    )
    enough = sums.count >= LEAST if (sums.count >= LEAST).any() else sums.count > 0
    mean = sums.nll / np.maximum(sums.count, 1)
    chosen = worst(mean, enough)
    picked = scored.picked(places[chosen].tolist())
    rows = []
    for at in chosen:
        row = picked[int(places[at])]
        text = column(row, scored.task.options.text_column)
        rows.append([row.origin, float(mean[at]), int(sums.count[at]), text])
    detail = Detail(
        "most_surprising", "The most surprising documents",
        f"Up to {WORST} documents with the highest mean loss of their hidden tokens (nats), and "
        f"their first words. Those with fewer than {LEAST} hidden tokens are left out where others "
        "have more.",
        "texts", ["where", "loss", "hidden_tokens", "text"], rows,
    )  # fmt: skip
    return [*found, detail]


def sample(features: Features) -> Sample | None:
    """The beginning of a text with its hidden tokens; None where none is hidden there."""
    ids, labels = (np.asarray(features[name])[:PIECE] for name in ("input_ids", "labels"))
    hidden = np.flatnonzero(labels != IGNORED)
    whole = np.where(labels == IGNORED, ids, labels)
    return Sample(ids.tolist(), whole.tolist(), hidden.tolist()) if len(hidden) else None
