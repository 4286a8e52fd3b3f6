"""Generated texts against references: ROUGE, BLEU and chrF from a few numbers a text.

ROUGE of a split is the mean of its texts'. BLEU and chrF of a split are not: they are made of
sums over the texts (n-grams there, n-grams right, lengths), which sacrebleu gives for each text and
turns to the same score that it gives for all texts at once. So no text need be kept, and a
bootstrap costs sums. Shape letters: N texts, S sums of a metric, R resamples.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from lmkit.evaluation.interval import Interval, bootstrap
from lmkit.evaluation.paired import Units, shares
from lmkit.evaluation.redrawn import redrawn

ROUGE = ("rouge1", "rouge2", "rougeL")
FAMILIES = ("rouge", "bleu", "chrf")
HEADLINES = {"rouge": "rougeL", "bleu": "bleu", "chrf": "chrf"}  # the one told of each family

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n")

Columns = dict[str, list[Any]]


class _Sacrebleu(Protocol):
    """What sacrebleu's own significance tests use of its metrics."""

    def _extract_corpus_statistics(
        self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> list[list[int]]: ...

    def _compute_score_from_stats(self, stats: list[int]) -> Any: ...

    def get_signature(self) -> Any: ...


def text_statistics(
    texts: Sequence[str], references: Sequence[Sequence[str]], families: Iterable[str]
) -> Columns:
    """All that the metrics need of N texts, by name: a number or a list of numbers a text.

    Of several references ROUGE takes, for each of its kinds, the one that a text is nearest to (Lin
    2004, section 2.1, by F1 as in rouge-score); BLEU counts an n-gram as right that is in any of
    them (Papineni et al. 2002, section 2.1.1); chrF takes the nearest (Popović 2015).

    Args:
        texts: as generated, (N,).
        references: what each is held against: (N,) of one or several.
        families: some of `rouge`, `bleu`, `chrf`.
    """
    found: Columns = {}
    for family in families:
        if family == "rouge":
            scores = [_rouge().score_multi(r, t) for t, r in zip(texts, references, strict=True)]
            for name in ROUGE:
                found[name] = [float(score[name].fmeasure) for score in scores]
        else:
            metric = _sacrebleu(family)
            pairs = zip(texts, references, strict=True)
            found[family] = [
                metric._extract_corpus_statistics([text], [[one] for one in several])[0]
                for text, several in pairs
            ]
    return found


def text_metrics(columns: Columns) -> dict[str, float]:
    """The metrics of N texts from their statistics.

    ROUGE is the mean F1 (0 to 1) of the texts; BLEU and chrF (0 to 100) are those of the split.

    Args:
        columns: as `text_statistics` makes them; other names are passed over.
    """
    sums = {name: np.sum(values, axis=0) for name, values in _arrays(columns).items()}
    return _scores(sums, len(next(iter(columns.values()), [])))


def each_score(name: str, values: Sequence[Any]) -> list[float]:
    """A metric of each of N texts alone.

    Args:
        name: `rougeL` or another kind of ROUGE, `bleu` or `chrf`.
        values: its statistics, as `text_statistics` makes them, (N,).
    """
    if name in ROUGE:
        return [float(value) for value in values]
    metric = _sacrebleu(name)
    return [
        float(metric._compute_score_from_stats([int(v) for v in stats]).score) for stats in values
    ]


def text_intervals(columns: Columns, seed: int) -> dict[str, Interval]:
    """95 % intervals of `text_metrics`: a bootstrap over the texts; none for fewer than two."""
    arrays = _arrays(columns)
    count = len(next(iter(arrays.values()), []))
    if count < 2:
        return {}
    joined = np.column_stack(list(arrays.values()))  # (N, S of all metrics)
    ends = np.cumsum([1 if values.ndim == 1 else values.shape[1] for values in arrays.values()])

    def statistic(drawn: NDArray[np.int64]) -> list[float]:
        times = np.bincount(drawn, minlength=count)  # (N,) one product instead of a copy
        parts = np.split(times @ joined, ends[:-1])
        return list(_scores(dict(zip(arrays, parts, strict=True)), count).values())

    low, high = bootstrap(statistic, count, seed)
    names = _scores({name: np.sum(values, axis=0) for name, values in arrays.items()}, count)
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(names)}


def text_units(columns: Columns) -> Units:
    """For paired comparisons: each text's ROUGE; BLEU and chrF of the split and of its draws."""
    arrays = _arrays(columns)
    corpus = {name: values for name, values in arrays.items() if name not in ROUGE}
    means: Units = {name: shares(values) for name, values in arrays.items() if name in ROUGE}
    if not corpus:
        return means
    count = len(next(iter(corpus.values())))

    def metrics(drawn: NDArray[np.int64]) -> dict[str, float]:
        times = np.bincount(drawn, minlength=count)  # (N,) one product instead of a copy
        return _scores({name: times @ values for name, values in corpus.items()}, count)

    return means | redrawn(metrics, count)


def against(
    answer: Callable[[str], str],
    pairs: Iterable[tuple[str, Sequence[str]]],
    families: Sequence[str],
) -> dict[str, float]:
    """The metrics of a rule that makes a text of each source.

    Args:
        answer: the rule.
        pairs: (source, its references) of the split.
        families: some of `rouge`, `bleu`, `chrf`.
    """
    listed = list(pairs)
    texts = [answer(source) for source, _ in listed]
    return text_metrics(text_statistics(texts, [several for _, several in listed], families))


def lead(source: str) -> str:
    """The first sentence of a text, or its first line where that ends sooner."""
    return _SENTENCE_END.split(source.strip(), maxsplit=1)[0]


def signature(family: str, counts: Collection[int]) -> str:
    """How sacrebleu tells what it measured (Post 2018).

    Args:
        family: `bleu` or `chrf`.
        counts: how many references a text was held against; several numbers where that varied.
    """
    metric = _sacrebleu(family)
    streams: Any = [["a" if at < size else None for size in counts] for at in range(max(counts))]
    metric._extract_corpus_statistics(["a"] * len(counts), streams)  # it counts the references
    return str(metric.get_signature().format())


def told(families: Iterable[str], counts: Collection[int]) -> str:
    """One sentence on each family, for the people who read the table.

    Args:
        families: some of `rouge`, `bleu`, `chrf`.
        counts: as of `signature`.
    """
    best = " The best of a text's references counts, for each of the three." * (max(counts) > 1)
    sentences = {
        "rouge": "rouge1, rouge2, rougeL: mean F1 (0 to 1) of the texts by rouge-score, words of "
        f"ASCII letters and digits, stemmed.{best}",
        "bleu": "bleu (0 to 100): sacrebleu {}.",
        "chrf": "chrf (0 to 100): sacrebleu {}.",
    }
    return " ".join(
        sentences[family].format("" if family == "rouge" else signature(family, counts))
        for family in families
    )


def _arrays(columns: Columns) -> dict[str, NDArray[np.float64]]:
    """The statistics among the columns: (N,) or (N, S) each."""
    names = [name for name in (*ROUGE, "bleu", "chrf") if name in columns]
    return {name: np.asarray(columns[name], dtype=np.float64) for name in names}


def _scores(sums: dict[str, Any], count: int) -> dict[str, float]:
    """The metrics from the sums over so many texts."""
    found = {}
    for name, total in sums.items():
        if name in ROUGE:
            found[name] = float(np.sum(total)) / count
        else:
            stats = [int(value) for value in total]
            found[name] = float(_sacrebleu(name)._compute_score_from_stats(stats).score)
    return found


@cache
def _rouge() -> Any:
    """As in the paper's script with stemming, which summaries are usually measured with."""
    return RougeScorer(list(ROUGE), use_stemmer=True)


@cache
def _sacrebleu(family: str) -> _Sacrebleu:
    """With the defaults of sacrebleu; `force` only keeps it from judging the texts in its log."""
    made: _Sacrebleu = BLEU(force=True) if family == "bleu" else CHRF()
    return made
