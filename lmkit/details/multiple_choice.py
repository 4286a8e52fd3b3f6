"""Details of choices among answers. Shape letters: N rows."""

import numpy as np

from lmkit.data.choices import Columns, read_question
from lmkit.details.scored import WORST, Scored, worst
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.slices import Groups, Measure, sliced


def details(scored: Scored) -> list[Detail]:
    """By the place of the right answer, the worst mistakes, and slices."""
    rows = scored.rows
    gold, told = np.asarray(rows["gold"]), np.asarray(rows["predicted"])
    right = gold == told
    measures = [Measure("accuracy", right, np.ones(len(right)), share=True)]
    most = int(max(gold.max(), told.max())) + 1
    given = np.bincount(told, minlength=most)
    return [
        sliced(
            "by_place", "By place of the right answer",
            Groups([str(place + 1) for place in range(most)], gold), measures, unit="rows",
            seed=scored.seed,
        ),
        Detail(
            "places", "Places that are chosen",
            "How often the right answer stands in a place, and how often that place is chosen: a "
            "model may favor one.",
            "table", ["place", "right", "chosen"],
            [
                [place + 1, *counts]
                for place, counts in enumerate(
                    zip(np.bincount(gold, minlength=most).tolist(), given.tolist(), strict=True)
                )
            ],
        ),
        _worst(scored, np.asarray(rows["nll"]), gold, told),
        *scored.slices(scored.examples.lengths, measures, length="tokens of question and answers"),
    ]  # fmt: skip


def _worst(scored: Scored, nll: np.ndarray, gold: np.ndarray, told: np.ndarray) -> Detail:
    """The mistakes whose right answer was least likely."""
    chosen = worst(nll, gold != told)
    picked, columns = scored.picked(chosen), Columns.of(scored.task.options)
    rows = []
    for at in chosen:
        question = read_question(picked[at], columns)
        answers = [question.choices[side[at]] for side in (gold, told)]
        rows.append([picked[at].origin, float(nll[at]), *answers, question.prompt])
    return Detail(
        "worst_mistakes", "Worst mistakes",
        f"Up to {WORST} rows whose right answer was not chosen, by its loss (nats).",
        "texts", ["where", "loss", "true", "predicted", "question"], rows,
    )  # fmt: skip
