"""Metrics of generated texts, from sums: equal to what the libraries say of all texts at once."""

import random

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

from lmkit.evaluation.texts import (
    against,
    lead,
    signature,
    text_intervals,
    text_metrics,
    text_statistics,
    told,
)

FAMILIES = ["rouge", "bleu", "chrf"]
WORDS = ("the", "cat", "sat", "on", "a", "mat,", "and", "looked", "über", "dogs", ".", "runs")


def pairs(count, seed=0):
    """Texts, and what became of them: words lost and swapped, and some texts left as they are."""
    draw = random.Random(seed)
    for _ in range(count):
        reference = draw.choices(WORDS, k=draw.randint(1, 14))
        text = [word for word in reference if draw.random() < 0.8]
        if draw.random() < 0.3:
            draw.shuffle(text)
        yield " ".join(text), " ".join(reference)


def columns(found):
    texts, references = zip(*found, strict=True)
    return text_statistics(texts, [[reference] for reference in references], FAMILIES)


@pytest.mark.parametrize("count", [1, 2, 40])
def test_scores_are_those_of_the_libraries(count):
    found = list(pairs(count))
    texts, references = [text for text, _ in found], [reference for _, reference in found]
    ours = text_metrics(columns(found))
    assert ours["bleu"] == BLEU().corpus_score(texts, [references]).score
    assert ours["chrf"] == CHRF().corpus_score(texts, [references]).score
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    scores = [scorer.score(reference, text) for text, reference in found]
    for name in ("rouge1", "rouge2", "rougeL"):
        mean = np.mean([score[name].fmeasure for score in scores])
        assert ours[name] == pytest.approx(mean, abs=1e-12)


def test_several_references_are_scored_as_the_libraries_do():
    found = list(pairs(30))
    more = [[reference for _, reference in pairs(1 + at % 3, at)] for at in range(30)]
    texts, references = (
        [text for text, _ in found],
        [[one, *others] for (_, one), others in zip(found, more, strict=True)],
    )
    ours = text_metrics(text_statistics(texts, references, FAMILIES))
    streams = [[r[at] if at < len(r) else None for r in references] for at in range(4)]
    assert ours["bleu"] == BLEU().corpus_score(texts, streams).score
    assert ours["chrf"] == CHRF().corpus_score(texts, streams).score
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    for name in ("rouge1", "rouge2", "rougeL"):
        best = [
            max(scorer.score(one, text)[name].fmeasure for one in several)
            for text, several in zip(texts, references, strict=True)
        ]
        assert ours[name] == pytest.approx(np.mean(best), abs=1e-12)
    for name, value in text_metrics(columns(found)).items():
        assert ours[name] > value


def test_an_empty_text_is_scored_too():
    ours = text_metrics(
        columns([("", "the cat"), ("the cat sat on a mat", "the cat sat on a mat")])
    )
    assert ours["rouge1"] == 0.5
    assert 0 < ours["bleu"] < 100


def test_columns_without_texts_have_no_metrics():
    assert text_metrics({"nll": [1.0, 2.0], "count": [1, 2]}) == {}
    assert text_intervals({"nll": [1.0, 2.0], "count": [1, 2]}, 0) == {}


def test_intervals_are_those_of_drawing_the_texts_anew():
    statistics = columns(list(pairs(30, seed=1)))
    ours = text_intervals(statistics, seed=7)
    random_numbers = np.random.default_rng(7)
    scores = []
    for _ in range(1000):
        drawn = random_numbers.integers(30, size=30)
        scores.append(text_metrics({k: [v[i] for i in drawn] for k, v in statistics.items()}))
    assert set(ours) == {"rouge1", "rouge2", "rougeL", "bleu", "chrf"}
    for name, ends in ours.items():
        wanted = np.percentile([score[name] for score in scores], (2.5, 97.5))
        assert ends == pytest.approx(tuple(wanted), abs=1e-9)


def test_one_text_has_no_interval():
    assert text_intervals(columns([("a cat", "the cat")]), 0) == {}


def test_the_lead_is_the_first_sentence_or_line():
    assert lead(" It rains. It pours. ") == "It rains."
    assert lead("Is it 3.5? Yes.") == "Is it 3.5?"
    assert lead("no end\nmore. text") == "no end"
    assert lead("one") == "one"


def test_a_rule_is_measured_as_a_model_is():
    sources = [("The cat sat. And more.", ["The cat sat."]), ("A dog. B.", ["A dog."])]
    assert against(lead, sources, FAMILIES)["rouge1"] == 1.0
    assert against(str, sources, FAMILIES)["rouge1"] < 1.0
    assert list(against(str, sources, ["chrf"])) == ["chrf"]


def test_what_was_measured_is_told_with_its_signature():
    metric = BLEU()
    metric.corpus_score(["a b c d"], [["a b c d"]])
    assert signature("bleu", {1}) == metric.get_signature().format()
    assert told(["bleu", "chrf"], {1}).count("sacrebleu nrefs:1|case:mixed") == 2
    assert "stemmed" in told(["rouge"], {1})
    assert "best of a text's references" in told(["rouge"], {1, 3})
    assert "best" not in told(["rouge"], {1})
    assert signature("chrf", {3}).startswith("nrefs:3|")
    assert signature("bleu", {1, 4}).startswith("nrefs:var|")
