"""Details of texts for texts. Shape letters: N pairs."""

import numpy as np

from lmkit.data.references import alternatives
from lmkit.data.sources import column
from lmkit.details.samples import LENGTH, Sample
from lmkit.details.scored import Scored, worst
from lmkit.evaluation import texts
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.slices import Measure
from lmkit.tasks.base import Features

SHOWN = 5
"""Texts of the best and of the worst."""


def details(scored: Scored) -> list[Detail]:
    """The worst and the best of the generated texts, and slices by length and columns."""
    family = scored.task.options.own_metrics[0]
    main = texts.HEADLINES[family]
    values = np.array(texts.each_score(main, scored.rows[main]))  # (N,)
    measures = [
        Measure(f"mean_{main}", values, np.ones(len(values))),
        Measure("loss", scored.rows["nll"], scored.rows["count"]),
    ]
    how = f"by the {main} of each text alone"
    return [
        _texts(scored, "worst_texts", "Worst texts", worst(-values, count=SHOWN), values, how),
        _texts(scored, "best_texts", "Best texts", worst(values, count=SHOWN), values, how),
        *scored.slices(scored.examples.lengths, measures, length="tokens of source and target"),
    ]


def _texts(
    scored: Scored, name: str, title: str, chosen: list[int], values: np.ndarray, how: str
) -> Detail:
    """Sources, generated texts and the right ones."""
    options, picked = scored.task.options, scored.picked(chosen)
    rows = []
    for at in chosen:
        source = column(picked[at], options.source_column)
        right = " | ".join(alternatives(picked[at], options.target_column))
        generated = scored.rows["generated"][at] or "(nothing)"
        rows.append([picked[at].origin, float(values[at]), generated, right, source])
    score = texts.HEADLINES[options.own_metrics[0]]
    return Detail(
        name, title, f"Up to {SHOWN} texts {how}: as generated, as wanted, and the source.",
        "texts", ["where", score, "generated", "wanted", "source"], rows,
    )  # fmt: skip


def sample(features: Features) -> Sample | None:
    """A source, and its target."""
    ids, labels = (np.asarray(features[name]).tolist() for name in ("input_ids", "labels"))
    return Sample(ids, labels[:LENGTH], [])
