"""Details of labels and numbers for texts. Shape letters: N rows, C labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from torch.nn import functional

from lmkit.data.sources import column
from lmkit.details.explaining import Answer, Said, rows
from lmkit.details.scored import Scored, worst
from lmkit.evaluation.confusion import confusion
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.multi_label import MultiLabel
from lmkit.evaluation.reliability import calibration, threshold_sweep
from lmkit.evaluation.single_label import SingleLabel
from lmkit.evaluation.slices import Measure, by_quantile
from lmkit.evaluation.tallies import Tallies, figures, of_classes

DECILES = 10


def details(scored: Scored) -> list[Detail]:
    """What fits the kind of labels."""
    problem = scored.task.problem  # type: ignore[attr-defined] # a classification has one
    if isinstance(problem, SingleLabel):
        return _single(scored, problem)
    if isinstance(problem, MultiLabel):
        return _many(scored, problem)
    return _numbers(scored)


def _single(scored: Scored, problem: SingleLabel) -> list[Detail]:
    """One label a row."""
    names, rows = problem.names, scored.rows
    gold, told = np.asarray(rows["gold"]), np.asarray(rows["predicted"])  # (N,) each
    shares = expit(np.asarray(rows["odds"], float))  # (N, C)
    sure, right = shares[np.arange(len(told)), told], gold == told
    found = [confusion(names, gold, told), *calibration(sure, right, "the likeliest label")]
    if len(names) == 2:
        what = f"`{names[1]}` is given"
        found.append(threshold_sweep(shares[:, 1:], gold[:, None] == 1, what))
    found += [
        _mistakes(
            scored, worst(sure, ~right), sure,
            lambda at: [names[int(gold[at])], names[int(told[at])]],
            "the mistakes that the model is surest of, by the probability of the wrong label",
        )
    ]  # fmt: skip
    return found + scored.slices(
        scored.examples.lengths,
        [Measure("accuracy", right, np.ones(len(right)), share=True)],
        further={
            "macro_f1": lambda chosen: _macro_f1(gold[chosen], told[chosen], len(names)),
        },
    )


def _many(scored: Scored, problem: MultiLabel) -> list[Detail]:
    """Any number of labels a row."""
    rows = scored.rows
    gold, told = np.asarray(rows["gold"], bool), np.asarray(rows["predicted"], bool)  # (N, C)
    shares = expit(np.asarray(rows["odds"], float))
    wrong = gold != told
    far = np.where(wrong, np.abs(shares - gold), 0.0).max(1)  # (N,)

    def labels(at: int) -> list[str]:
        sides = (zip(problem.names, side[at], strict=True) for side in (gold, told))
        return [", ".join(name for name, has in side if has) or "(none)" for side in sides]

    hits = (gold & told).sum(1)
    return [
        *calibration(shares.ravel(), gold.ravel(), "each label of each row"),
        threshold_sweep(shares, gold, "a label is given"),
        _mistakes(
            scored, worst(far, wrong.any(1)), far, labels,
            "the rows with the surest wrong yes or no, by the probability that is given to it",
        ),
        *scored.slices(
            scored.examples.lengths,
            [
                Measure("subset_accuracy", ~wrong.any(1), np.ones(len(gold)), share=True),
                Measure("micro_f1", 2 * hits, gold.sum(1) + told.sum(1)),
            ],
        ),
    ]  # fmt: skip


def _numbers(scored: Scored) -> list[Detail]:
    """A number a row."""
    gold, told = (np.asarray(scored.rows[key], float) for key in ("gold", "predicted"))
    errors = told - gold
    tenths = by_quantile(gold, DECILES)
    rows = []
    for number, name in enumerate(tenths.names):
        part = errors[tenths.of == number]
        rows.append([name, len(part), part.mean(), np.abs(part).mean(), np.sqrt((part**2).mean())])
    return [
        Detail(
            "residuals", "Errors by the true number",
            "Predicted less true number, in tenths of the rows by the true one: the mean (bias), "
            "the mean of its size, and the root of its mean square.",
            "table", ["true", "rows", "mean_error", "mean_absolute_error", "rmse"], rows,
        ),
        _mistakes(
            scored, worst(np.abs(errors), errors != 0), np.abs(errors),
            lambda at: [float(gold[at]), float(told[at])],
            "the rows whose number is furthest from the true one", "error",
        ),
        *scored.slices(
            scored.examples.lengths,
            [
                Measure("mse", errors**2, np.ones(len(gold))),
                Measure("mean_absolute_error", np.abs(errors), np.ones(len(gold))),
            ],
        ),
    ]  # fmt: skip


def _mistakes(
    scored: Scored, chosen: Sequence[int], badness: ArrayLike, labels: Any, what: str,
    size: str = "confidence",
) -> Detail:  # fmt: skip
    """Rows with their texts."""
    sizes: NDArray[np.float64] = np.asarray(badness, float)
    picked = scored.picked(chosen)
    texts = scored.task.options.text_columns
    rows = [
        [
            picked[at].origin, float(sizes[at]), *labels(at),
            *(column(picked[at], name) for name in texts),
        ]
        for at in chosen
    ]  # fmt: skip
    return Detail(
        "worst_mistakes", "Worst mistakes", f"{what[0].upper()}{what[1:]}.", "texts",
        ["where", size, "true", "predicted", *texts], rows,
    )  # fmt: skip


def _macro_f1(gold: Any, told: Any, classes: int) -> float:
    """The mean F1 of the labels that these rows have or got."""
    tallies = of_classes(gold, told, classes)
    met = (tallies.gold + tallies.predicted) > 0
    return float(figures(Tallies(*(part[met] for part in tallies)))["macro_f1"])


questions = rows
"""Texts, or pairs of them."""


def answers(said: Said) -> list[Answer]:
    """The likeliest label; of a regression the number."""
    problem = said.task.options.problem
    if problem == "regression":
        return [Answer("the number", lambda logits: logits[:, 0])]
    (best,) = said.logits.argmax(-1).tolist()
    name = str(said.model.config.id2label[best])
    if problem == "multi_label_classification":
        return [Answer(name, lambda logits: functional.logsigmoid(logits[:, best]))]
    return [Answer(name, lambda logits: logits.log_softmax(-1)[:, best])]
