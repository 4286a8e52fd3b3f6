"""Paired differences against scipy, against formulas, and against what must be so."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import f1_score, matthews_corrcoef

from lmkit.evaluation import perplexity
from lmkit.evaluation.correlation import correlation_units, correlations
from lmkit.evaluation.entity_scores import count_entities, entity_metrics, sentence_units
from lmkit.evaluation.paired import (
    BOOTSTRAP,
    CLASSES,
    MCNEMAR,
    differences,
    mcnemar,
    row_units,
    shares,
    values,
)
from lmkit.evaluation.question_scores import QuestionScores
from lmkit.evaluation.redrawn import REDRAWN
from lmkit.evaluation.retrieval import AT, Ranked, retrieval_metrics, retrieval_units
from lmkit.evaluation.tagging import TagSet, tag_names
from lmkit.evaluation.texts import text_metrics, text_statistics, text_units


def model(seed: int, right: float = 0.7, rows: int = 200) -> dict[str, list[float]]:
    """The rows of a classifier of three classes."""
    random = np.random.default_rng(seed)
    gold = np.random.default_rng(0).integers(0, 3, rows)
    told = np.where(random.random(rows) < right, gold, random.integers(0, 3, rows))
    return {
        "nll": random.exponential(1.0, rows).tolist(), "count": [1] * rows,
        "gold": gold.tolist(), "predicted": told.tolist(),
    }  # fmt: skip


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80))
def test_mcnemar_is_the_exact_binomial_test(pairs: list[tuple[bool, bool]]) -> None:
    first, second = np.asarray(pairs, float).T
    b, c = int((first > second).sum()), int((second > first).sum())
    expected = binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, abs=1e-12)


def test_mcnemar_of_a_known_table() -> None:
    """Three against one: 2 (C(4, 0) + C(4, 1)) / 2^4."""
    first, second = np.asarray([1, 1, 1, 0, 1, 0.0]), np.asarray([0, 0, 0, 1, 1, 0.0])
    assert mcnemar(first, second) == pytest.approx(2 * (1 + 4) / 16)


def test_units_make_the_metrics_of_a_classifier() -> None:
    rows = model(1)
    found = values(row_units(rows), classes=3)
    assert found["loss"] == pytest.approx(np.mean(rows["nll"]))
    assert found["perplexity"] == pytest.approx(math.exp(np.mean(rows["nll"])))
    assert found["accuracy"] == np.equal(rows["gold"], rows["predicted"]).mean()
    macro = f1_score(rows["gold"], rows["predicted"], average="macro")
    assert found["macro_f1"] == pytest.approx(macro)
    assert found["mcc"] == pytest.approx(matthews_corrcoef(rows["gold"], rows["predicted"]))


def test_the_bootstrap_of_a_mean_is_that_of_the_differences_of_its_rows() -> None:
    """For a mean the paired interval is near 1.96 standard errors of the rows' differences."""
    random = np.random.default_rng(3)
    hard = random.normal(0, 5, 400)  # what both find hard: it must not widen the interval
    one, other = hard + random.normal(0, 0.5, 400), hard + random.normal(0.2, 0.5, 400)
    found = differences({"loss": shares(one)}, {"loss": shares(other)}, seed=1)["loss"]
    change = other - one
    error = change.std(ddof=1) / math.sqrt(400)
    assert found.value == pytest.approx(change.mean())
    assert found.interval == pytest.approx(
        (change.mean() - 1.96 * error, change.mean() + 1.96 * error), abs=0.012
    )
    assert found.is_shown
    assert found.test == BOOTSTRAP


def test_a_model_does_not_differ_from_itself() -> None:
    units = row_units(model(1))
    for name, one in differences(units, units, 0, classes=3).items():
        assert (one.value, one.interval, one.p, one.is_shown) == (0.0, (0.0, 0.0), 1.0, False), name


def test_swapping_the_models_turns_the_sign() -> None:
    first, second = row_units(model(1)), row_units(model(2, right=0.4))
    there, back = differences(first, second, 5, 3), differences(second, first, 5, 3)
    assert there.keys() == back.keys()
    assert {"loss", "perplexity", "accuracy", "macro_f1", "mcc", "recall"} <= there.keys()
    for name in there:
        assert there[name].value == pytest.approx(-back[name].value)
        assert there[name].interval == pytest.approx([-end for end in back[name].interval[::-1]])
        assert there[name].p == pytest.approx(back[name].p, abs=0.002)
    assert there["accuracy"].test == MCNEMAR
    assert there["accuracy"].is_shown
    assert there["accuracy"].value < 0


def test_chance_alone_is_rarely_shown() -> None:
    """Two models that are right equally often: at most about one in twenty is told apart."""
    shown = 0
    for seed in range(40):
        first, second = (row_units(model(2 * seed + at, rows=100)) for at in (100, 101))
        shown += differences(first, second, seed, resamples=200)["accuracy"].is_shown
    assert shown <= 6  # of 40; more than 6 has a probability below 0.01 at 5 %


def test_the_same_seed_draws_the_same() -> None:
    first, second = row_units(model(1)), row_units(model(2))
    assert differences(first, second, 4) == differences(first, second, 4)
    assert differences(first, second, 4) != differences(first, second, 5)


def test_what_cannot_be_paired_is_left_out() -> None:
    first, fewer = row_units(model(1)), row_units(model(2, rows=199))
    assert differences(first, fewer, 0) == {}
    one = {name: units[:, :1] for name, units in first.items()}
    assert differences(one, one, 0) == {}
    other = {**first, CLASSES: first[CLASSES][:, ::-1]}
    assert "macro_f1" not in differences(first, other, 0, classes=3)
    infinite = {"loss": np.asarray([[np.inf, 1.0], [1, 1]])}
    assert differences(infinite, infinite, 0) == {}


def test_units_of_language_models_are_documents() -> None:
    rows = {
        "nll": [1.0, 2.0, 4.0], "count": [2, 3, 4], "document": [0, 0, 1], "bytes": [9, 0, 8],
        "correct": [1, 1, 2],
    }  # fmt: skip
    causal = perplexity.causal_units(rows)
    assert causal["loss"].tolist() == [[3, 4], [5, 4]]
    assert values(causal) == pytest.approx(perplexity.causal_metrics(rows))
    assert values(perplexity.masked_units(rows)) == pytest.approx(perplexity.masked_metrics(rows))


def test_units_of_entities_are_sentences() -> None:
    tags = TagSet(tag_names(["PER", "LOC"]))
    gold, guess = [[1, 2], [0, 3], [1, 0]], [[1, 2], [0, 1], [1, 3]]
    rows = {"document": [0, 1, 1], "nll": [1.0, 2, 3], "count": [2, 2, 2],
            "gold": gold, "predicted": guess}  # fmt: skip
    units = sentence_units(tags, rows)
    assert units["loss"].tolist() == [[1, 5], [2, 4]]
    joined = [[gold[0], gold[1] + gold[2]], [guess[0], guess[1] + guess[2]]]
    expected = entity_metrics(tags, count_entities(tags, joined[1], joined[0]))
    found = values(units)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_units_of_answers_are_questions() -> None:
    rows = {
        "question": [0, 0, 1], "nll": [1.0, 2, 3], "count": [2, 2, 2], "null": [0.0, 0, 0],
        "best": [1.0, 2, 1], "exact_match": [0.0, 1, 0], "f1": [0.5, 1, 0.2],
        "unanswerable": [False] * 3, "validation": [False] * 3,
    }  # fmt: skip
    scores = QuestionScores(rows, may_be_none=False, threshold=None)
    found = values(scores.units())
    assert {name: found[name] for name in scores.metrics()} == pytest.approx(scores.metrics())


def test_both_kinds_of_questions_are_compared_apart() -> None:
    rows = {
        "question": list(range(8)), "nll": [1.0] * 8, "count": [2] * 8, "null": [9.0, 9, 0, 0] * 2,
        "best": [1.0] * 8, "exact_match": [0.0, 0, 1, 0] * 2, "f1": [0.0, 0, 1, 0.5] * 2,
        "unanswerable": [True, True, False, False] * 2, "validation": [False] * 8,
    }  # fmt: skip
    first = QuestionScores(rows, may_be_none=True, threshold=0.0)
    second = QuestionScores({**rows, "null": [0.0] * 8}, may_be_none=True, threshold=0.0)
    for scores in (first, second):
        found, told = values(scores.units()), scores.metrics()
        told.pop("no_answer_threshold")
        assert {name: found[name] for name in told} == pytest.approx(told)
    found = differences(first.units(), second.units(), seed=0)
    one = found["no_answer_accuracy"]  # four questions that only the first has right
    assert (one.value, one.test) == (-1.0, MCNEMAR)
    assert one.p == pytest.approx(binomtest(4, 4, 0.5).pvalue)
    assert (found["has_answer_f1"].value, found["has_answer_f1"].test) == (0.0, BOOTSTRAP)


def test_ranks_and_fewer_draws_are_compared() -> None:
    random = np.random.default_rng(6)
    first, second = model(1), model(2)
    for rows in (first, second):
        rows["odds"] = random.normal(size=(200, 3)).tolist()
    second["odds"] = (np.asarray(second["gold"])[:, None] == np.arange(3)).astype(float).tolist()
    units = [row_units(rows) for rows in (first, second)]
    found = differences(*units, seed=0)["auroc"]
    assert found.value == pytest.approx(1 - units[0]["auroc"][0])
    assert found.is_shown
    fewer = {**units[1], "auroc": units[1]["auroc"][:201]}
    assert differences(units[0], fewer, seed=0)["auroc"].value == found.value


def test_units_of_retrieval_are_queries() -> None:
    found = Ranked(rank=np.asarray([1, 3, 7]), nll=np.asarray([0.1, 0.5, 2.0]))
    made = values(retrieval_units(found))
    expected = retrieval_metrics(found)
    assert {name: made[name] for name in expected} == pytest.approx(expected)
    assert f"recall_at_{AT[0]}" in expected


def test_units_of_texts_make_their_metrics() -> None:
    texts = ["a b c d e", "d e f g", "h i j k"]
    columns = text_statistics(texts, [["a b c d"], ["d e f"], ["x"]], ["rouge", "bleu", "chrf"])
    units = text_units(columns)
    assert values(units) == pytest.approx(text_metrics(columns))
    assert units["bleu"].shape == units["chrf"].shape == (1 + REDRAWN,)
    assert text_units({"rouge1": [0.5, 0.25]}).keys() == {"rouge1"}


def test_units_of_correlations_are_drawn_alike() -> None:
    """The same draws for two models: where one's numbers are the other's, nothing differs."""
    random = np.random.default_rng(1)
    wanted = random.normal(size=60)
    near, far = wanted + random.normal(0, 0.3, 60), wanted + random.normal(0, 2, 60)
    one, other = correlation_units(near, wanted), correlation_units(far, wanted)
    assert values(one) == pytest.approx(correlations(near, wanted))
    with_loss = [{"loss": shares((x - wanted) ** 2), **u} for x, u in ((near, one), (far, other))]
    found = differences(*with_loss, seed=0)
    assert found["spearman"].is_shown
    assert found["spearman"].value == pytest.approx(
        correlations(far, wanted)["spearman"] - correlations(near, wanted)["spearman"]
    )
    same = differences(with_loss[0], with_loss[0], seed=0)["pearson"]
    assert (same.interval, same.p) == ((0, 0), 1)


def test_units_of_several_labels_are_drawn_alike() -> None:
    random = np.random.default_rng(2)
    gold = random.random((80, 3)) < 0.4
    told = [np.where(random.random((80, 3)) < share, gold, ~gold) for share in (0.9, 0.6)]
    units = [
        row_units({"nll": [1.0] * 80, "count": [3] * 80, "gold": list(gold), "predicted": list(t)})
        for t in told
    ]
    for one, guess in zip(units, told, strict=True):
        found = values(one)
        assert found["macro_f1"] == pytest.approx(f1_score(gold, guess, average="macro"))
        assert found["micro_f1"] == pytest.approx(f1_score(gold, guess, average="micro"))
        assert found["subset_accuracy"] == (gold == guess).all(1).mean()
    difference = differences(*units, seed=0)["macro_f1"]
    assert difference.is_shown
    assert difference.interval[1] < 0
    # against a bootstrap of its own
    drawn = [random.integers(80, size=80) for _ in range(100)]
    own = [
        f1_score(gold[rows], told[1][rows], average="macro")
        - f1_score(gold[rows], told[0][rows], average="macro")
        for rows in drawn
    ]
    assert difference.interval == pytest.approx(np.percentile(own, [2.5, 97.5]), abs=0.06)


def test_numbers_have_their_squared_error() -> None:
    units = row_units({"nll": [1.0, 4.0], "count": [1, 1], "gold": [1.0, 2.0],
                       "predicted": [2.0, 0.0]})  # fmt: skip
    assert values(units)["mse"] == 2.5
