"""Pairs, triples and scores: what the columns say, and what is wrong with a row."""

import pytest

from lmkit.data.pairs import (
    SCALES,
    check_texts,
    encode_texts,
    find_score_high,
    text_columns,
    text_key,
    with_objective,
)
from lmkit.data.rows import Row
from lmkit.errors import DataError, UsageError
from lmkit.recipe.options.embedding import EmbeddingOptions


class Rows:
    """Rows in memory."""

    name = "train"

    def __init__(self, *values):
        self.values = values

    def rows(self):
        for line, values in enumerate(self.values, start=1):
            yield Row(values, f"t.csv:{line}")


def options(**keys):
    return EmbeddingOptions(name="embedding", **keys)


def scored(*scores):
    return Rows(*({"sentence1": "a b", "sentence2": "c", "score": score} for score in scores))


@pytest.mark.parametrize(
    ("row", "objective", "columns"),
    [
        ({"anchor": "a", "positive": "b"}, "contrastive", ("anchor", "positive")),
        (
            {"anchor": "a", "positive": "b", "negative": "c"},
            "triplet",
            ("anchor", "positive", "negative"),
        ),
        ({"sentence1": "a", "sentence2": "b", "score": "1"}, "cosine", ("sentence1", "sentence2")),
    ],
)
def test_the_columns_tell_the_objective(row, objective, columns):
    found = with_objective(options(score_high=5.0), Rows(row))
    assert found.objective == objective
    assert text_columns(found) == columns


def test_columns_that_fit_nothing_are_told_with_the_nearest():
    with pytest.raises(DataError) as told:
        with_objective(options(), Rows({"anchor": "a", "positve": "b"}))
    assert "t.csv:1: the columns are `anchor`, `positve`" in str(told.value)
    assert "there is no `positive`; did you mean `positve`?" in str(told.value)


def test_what_is_asked_for_is_not_looked_for():
    found = with_objective(options(objective="contrastive"), Rows({"x": 1}))
    assert found.objective == "contrastive"


@pytest.mark.parametrize(
    ("scores", "high"),
    [((0, 0.5), 1.0), ((0, "1.0"), 1.0), (("4.75", 1), 5.0), ((7, 1), 10.0), ((0, 55.5), 100.0),
     ((0, 250), 250.0)],
)  # fmt: skip
def test_the_scale_ends_where_scales_do(scores, high):
    assert find_score_high(scored(*scores), "score", 0.0) == high
    assert high in SCALES or high == max(scores)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("x", "t.csv:2: column `score` holds 'x', not a number"),
        (None, "t.csv:2: column `score` is null"),
        ("", "t.csv:2: column `score` is blank"),
        (True, "t.csv:2: column `score` holds the boolean true"),
        (float("nan"), "t.csv:2: column `score` holds nan"),
        (-1, "t.csv:2: column `score` holds the score -1, but scores go from 0 on"),
        (3, "t.csv: every row"),
    ],
)
def test_what_is_no_score_is_told(value, says):
    if value == 3:
        says = "train data: every row has the score 3; to learn"
    with pytest.raises(DataError, match=says.replace("(", r"\(")):
        find_score_high(scored(3, value), "score", 0.0)


def test_a_side_that_is_missing_and_a_negative_that_is_right():
    with pytest.raises(DataError, match="x:1: column `positive` is blank"):
        check_texts(Row({"anchor": "a", "positive": " "}, "x:1"), ("anchor", "positive"))
    triple = Row({"anchor": "a", "positive": "b", "negative": "b"}, "x:1")
    with pytest.raises(DataError, match="`negative` holds the same text as `positive`"):
        check_texts(triple, ("anchor", "positive", "negative"))


def test_rows_are_encoded_as_their_texts_alone(tiny_bert_tokenizer):
    found = encode_texts(
        scored(0, "5", 2.5).rows(),
        tiny_bert_tokenizer,
        options(objective="cosine", score_high=5.0, max_length=3),
    )
    assert [found[0, i]["score"] for i in range(3)] == [0.0, 1.0, 0.5]
    first = found[0, 0]
    alone = [tiny_bert_tokenizer("a b")["input_ids"], tiny_bert_tokenizer("c")["input_ids"]]
    assert first["texts"][0].tolist() == [alone[0][0], alone[0][1], alone[0][-1]]  # cut, [SEP] kept
    assert first["texts"][1].tolist() == alone[1]
    assert found.cut == 3
    assert first["keys"].tolist() == [text_key("a b"), text_key("c")]
    assert first["labels"] == 0


def test_keys_are_of_the_text():
    assert text_key("a") == text_key("a") != text_key("b")
    assert -(2**63) <= text_key("\ud800") < 2**63


def test_metrics_of_others_need_scores():
    given = options(metrics=["./mse"], trust_metric_code=True)
    with pytest.raises(UsageError, match=r"need pairs with a score.*train.*contrastive"):
        with_objective(given, Rows({"anchor": "a", "positive": "b"}))
    assert with_objective(given, scored(0.5, 1)).objective == "cosine"
    with pytest.raises(ValueError, match="objective triplet has no score"):
        options(metrics=["./mse"], trust_metric_code=True, objective="triplet")
