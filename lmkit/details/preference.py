"""Details of preferences. Shape letters: N pairs."""

import numpy as np

from lmkit.data.preference_pairs import Pairs, choice
from lmkit.details.explaining import messages, next_token
from lmkit.details.samples import Sample, answer
from lmkit.details.scored import WORST, Scored, worst
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.slices import Measure, by_quantile, sliced
from lmkit.tasks.base import Features


def details(scored: Scored) -> list[Detail]:
    """By margin, by which answer is longer, and the pairs that are told most wrongly."""
    rows, pairs = scored.rows, scored.examples
    assert isinstance(pairs, Pairs)
    margin = np.asarray(rows["chosen"]) - np.asarray(rows["rejected"])  # (N,)
    right, ones = margin > 0, np.ones(len(margin))
    measures = [
        Measure("accuracy", right, ones, share=True), Measure("margin", margin, ones)
    ]  # fmt: skip
    shares = np.percentile(margin, np.arange(0, 101, 10))
    lengths = pairs.answer_lengths()
    longer = by_quantile(lengths[:, 0] - lengths[:, 1])
    return [
        Detail(
            "margins", "Margins",
            "The margin (reward of the preferred answer less that of the other) below which so "
            "many percent of the pairs lie; a pair above 0 is told right.",
            "line", ["percent", "margin"],
            [[percent * 10, float(value)] for percent, value in enumerate(shares)],
        ),
        sliced(
            "by_length_difference", "By tokens of the preferred answer less those of the other",
            longer, measures, unit="pairs", seed=scored.seed,
        ),
        _worst(scored, margin, np.asarray(pairs.places)),
        *scored.slices(pairs.lengths, measures, unit="pairs", places=pairs.places),
    ]  # fmt: skip


def _worst(scored: Scored, margin: np.ndarray, places: np.ndarray) -> Detail:
    """The pairs with the lowest margins below 0."""
    chosen = worst(-margin, margin <= 0)
    picked = scored.picked(places[chosen].tolist())
    rows = []
    for at in chosen:
        row = picked[int(places[at])]
        asked = choice(row, scored.task.options)
        prompt = "\n".join(f"{turn['role']}: {turn['content']}" for turn in asked.prompt)
        answers = [str(side["content"]) for side in (asked.chosen, asked.rejected)]
        rows.append([row.origin, float(margin[at]), *answers, prompt])
    return Detail(
        "worst_mistakes", "Worst mistakes",
        f"Up to {WORST} pairs whose preferred answer has the smaller reward, the lowest margin "
        "first.",
        "texts", ["where", "margin", "chosen", "rejected", "prompt"], rows,
    )  # fmt: skip


def sample(features: Features) -> Sample | None:
    """What is asked, and the answer that was preferred."""
    return answer(features, "chosen", "chosen_labels")


questions = messages
"""Users' messages."""


answers = next_token
"""The first token of the answer."""
