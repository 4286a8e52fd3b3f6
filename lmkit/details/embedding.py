"""Details of vectors of texts. Shape letters: N rows."""

import numpy as np

from lmkit.data.pairs import text_columns
from lmkit.data.sources import column
from lmkit.details.scored import WORST, Scored, worst
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.retrieval import AT, rank_vectors
from lmkit.evaluation.slices import Measure, by_quantile, sliced


def details(scored: Scored) -> list[Detail]:
    """The rows that are told most wrongly, and slices."""
    if scored.task.options.objective == "cosine":
        return _scored_pairs(scored)
    rows = scored.rows
    ranked = rank_vectors(np.stack(rows["vectors"]), rows["keys"], scored.task.options.temperature)
    ones = np.ones(len(ranked.rank))
    measures = [
        *(Measure(f"recall_at_{k}", ranked.rank <= k, ones, share=True) for k in AT),
        Measure("mrr", 1 / ranked.rank, ones),
    ]  # fmt: skip
    what = (
        f"Up to {WORST} rows whose right text is furthest from the first place among the "
        "candidates (rank 1 is right)."
    )
    chosen = worst(ranked.rank, ranked.rank > 1)
    return [
        _worst(scored, chosen, what, {"rank": ranked.rank}),
        *scored.slices(scored.examples.lengths, measures, length="tokens of the texts of a row"),
    ]


def _scored_pairs(scored: Scored) -> list[Detail]:
    """Pairs with a score."""
    told, wanted = np.asarray(scored.rows["cosine"]), np.asarray(scored.rows["score"])  # (N,)
    errors = np.abs(told - wanted)
    ones = np.ones(len(errors))
    measures = [
        Measure("mse", errors**2, ones), Measure("mean_error", told - wanted, ones)
    ]  # fmt: skip
    what = f"Up to {WORST} pairs whose cosine is furthest from their score (brought to 0 to 1)."
    return [
        sliced(
            "by_score", "By score", by_quantile(wanted), measures, unit="pairs", seed=scored.seed
        ),
        _worst(scored, worst(errors), what, {"cosine": told, "score": wanted}),
        *scored.slices(
            scored.examples.lengths, measures, length="tokens of the texts of a row", unit="pairs"
        ),
    ]


def _worst(scored: Scored, chosen: list[int], what: str, numbers: dict[str, np.ndarray]) -> Detail:
    """Rows with their texts."""
    picked, names = scored.picked(chosen), text_columns(scored.task.options)
    rows = [
        [
            picked[at].origin, *(values[at].item() for values in numbers.values()),
            *(column(picked[at], name) for name in names),
        ]
        for at in chosen
    ]  # fmt: skip
    return Detail(
        "worst_mistakes", "Worst mistakes", what, "texts", ["where", *numbers, *names], rows
    )
