"""Classification: labels, loss and metrics against sums and formulas of their own."""

import logging
import math

import numpy as np
import pytest
import torch

from lmkit.errors import DataError
from lmkit.evaluation.scoring import score
from lmkit.labels import IGNORED
from lmkit.tasks.classification import Classification

NUMBERS = [
    "loss", "accuracy", "macro_f1", "micro_f1", "weighted_f1", "precision", "recall", "mcc",
    "auroc",
]  # fmt: skip


def test_found_labels_are_written_into_the_options(task_with):
    assert task_with().options.labels == ["a", "b", "c"]


def test_given_labels_keep_their_order_and_are_checked(task_with):
    assert task_with(labels=["c", "b", "a", "d"]).options.labels == ["c", "b", "a", "d"]
    with pytest.raises(DataError, match=r"train\.jsonl:3: the label `c` is none of"):
        task_with(labels=["a", "b"])


def test_a_split_with_another_label_is_refused(labeled, task_with):
    with pytest.raises(DataError, match=r"test\.jsonl:2: the label `d` is none of .*: a, b, c;"):
        task_with().check(labeled(["x", "y"], ["a", "d"], name="test"))


def test_the_share_of_cut_texts_is_told(bert, caplog, five):
    task, _, tokenizer = bert
    task.options = task.options.model_copy(update={"max_length": 8})
    with caplog.at_level(logging.INFO, logger="lmkit"):
        examples = task.examples(five, tokenizer, seed=0, training=True)
    assert "40 % of the train texts are cut at 8 tokens" in caplog.text
    assert examples.lengths.max() == 8


def test_the_loss_is_the_sum_over_counted_rows(bert, five):
    task, model, tokenizer = bert
    examples = task.examples(five, tokenizer, seed=0, training=True)
    features = [examples[0, index] for index in range(4)]
    filler = {**features[0], "labels": IGNORED}
    batch = task.collate([*features, filler])
    outputs = task.forward(model, batch)
    shares = outputs.logits[:4].softmax(-1)
    nll = -torch.stack([shares[row, label] for row, label in enumerate([1, 0, 2, 1])]).log()
    torch.testing.assert_close(task.loss(outputs, batch), nll.sum())
    assert task.count(batch) == 4
    assert task.tokens(batch) == sum(len(feature["input_ids"]) for feature in features)
    smooth = 0.9 * nll.sum() + 0.1 * -shares.log().mean(-1).sum()
    torch.testing.assert_close(task.loss(outputs, batch, label_smoothing=0.1), smooth)


def test_a_batch_of_fillers_costs_nothing(bert, five):
    task, model, tokenizer = bert
    examples = task.examples(five, tokenizer, seed=0, training=True)
    batch = task.collate([{**examples[0, 0], "labels": IGNORED}] * 2)
    loss = task.loss(task.forward(model, batch), batch)
    loss.backward()
    assert loss.item() == 0.0
    assert (task.count(batch), task.tokens(batch)) == (0, 0)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 50])
def test_metrics_do_not_depend_on_the_batch(bert, batch_size, five, labeled, logits_alone):
    task, model, tokenizer = bert
    four = labeled(five.texts * 4, ["b", "a", "c", "b", "a"] * 4)
    examples = task.examples(four, tokenizer, seed=0, training=False)
    rows = score(model, task, examples, batch_size=batch_size)
    found = task.metrics(rows)
    logits = logits_alone(task, model, examples).double()
    gold = [1, 0, 2, 1, 0] * 4
    nll = [
        -math.log(float(row.softmax(-1)[label])) for row, label in zip(logits, gold, strict=True)
    ]
    assert found["loss"] == pytest.approx(sum(nll) / 20, abs=1e-6)
    assert rows["predicted"] == logits.argmax(-1).tolist()
    assert list(found) == NUMBERS


def test_accuracy_and_macro_f1_by_hand(task_with):
    rows = {
        "nll": [1.0, 2.0, 3.0, 4.0], "count": [1, 1, 1, 1],
        "gold": [0, 0, 1, 1], "predicted": [0, 1, 1, 1], "odds": list(np.eye(4)[:, :3]),
    }  # fmt: skip
    found = task_with().metrics(rows)
    # class a: precision 1, recall 1/2; class b: precision 2/3, recall 1; class c: never met
    assert (found["loss"], found["accuracy"]) == (2.5, 0.75)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 3)


def test_the_majority_is_that_of_the_training_data(bert, five, labeled):
    task, _, tokenizer = bert
    test = labeled(["x", "y", "z"], ["c", "b", "b"], name="test")
    examples = task.examples(test, tokenizer, seed=0, training=False)
    found = task.baselines(five, test, examples, tokenizer)
    assert found["majority"]["accuracy"] == 0.0  # `a` and `b` are as common: the first is guessed
    assert list(found["tfidf_logistic"]) == NUMBERS
    assert task.baselines(None, test, examples, tokenizer) == {}


def test_macro_f1_chooses_the_best_and_of_numbers_the_error(task_of):
    assert (Classification.best_metric, Classification.greater_is_better) == ("macro_f1", True)
    task, _ = task_of("regression")
    assert (task.best_metric, task.greater_is_better) == ("mse", False)


def test_the_definition_names_the_limit(task_with):
    told = task_with(max_length=24).definition()
    assert "all 3 labels" in told
    assert "24 tokens" in told


def test_weights_and_the_focal_loss_change_no_metric(task_with, classifier, five):
    plain = task_with(max_length=32)
    _, model, tokenizer = classifier("bert", plain)
    examples = plain.examples(five, tokenizer, seed=0, training=True)
    batch = plain.collate([examples[0, index] for index in range(5)])
    with torch.no_grad():
        outputs = plain.forward(model, batch)
    nll = -outputs.logits.log_softmax(-1)[range(5), batch["labels"]]
    weights = torch.tensor([5 / 6, 5 / 6, 5 / 3])[batch["labels"]]  # 2, 2 and 1 of 5 rows
    balanced = task_with(max_length=32, class_weights="balanced")
    torch.testing.assert_close(balanced.loss(outputs, batch), (weights * nll).sum())
    focal = task_with(max_length=32, loss="focal", focal_gamma=3.0)
    expected = ((1 - (-nll).exp()) ** 3 * nll).sum()
    torch.testing.assert_close(focal.loss(outputs, batch), expected)
    for task in (balanced, focal):
        assert task.count(batch) == 5  # the divisor stays the rows
        assert task.metrics(task.reduce(outputs, batch)) == plain.metrics(
            plain.reduce(outputs, batch)
        )


@pytest.mark.parametrize("problem", ["multi_label", "regression"])
def test_other_problems_are_scored_alike_in_every_batch(problem, task_of, classifier):
    task, source = task_of(problem)
    _, model, tokenizer = classifier("bert", task)
    assert model.config.problem_type == task.options.problem
    examples = task.examples(source, tokenizer, seed=0, training=False)
    one = task.metrics(score(model, task, examples, batch_size=1))
    assert task.metrics(score(model, task, examples, batch_size=3)) == pytest.approx(one, abs=1e-5)
    batch = task.collate([examples[0, index] for index in range(3)])
    theirs = model(**{**batch, "labels": batch["labels"].reshape(3, -1).squeeze(-1)}).loss
    ours = task.loss(task.forward(model, batch), batch) / task.count(batch)
    torch.testing.assert_close(ours, theirs)  # the head's own loss, a mean over the same items
    features = [examples[0, 0], {**examples[0, 1], "labels": filler(examples[0, 1]["labels"])}]
    batch = task.collate(features)
    assert task.count(batch) == (3 if problem == "multi_label" else 1)
    assert task.tokens(batch) == len(features[0]["input_ids"])


def filler(labels):
    """As the loader fills up a batch."""
    return np.full_like(labels, IGNORED) if isinstance(labels, np.ndarray) else IGNORED


@pytest.mark.parametrize("architecture", ["bert", "roberta", "gpt2"])
def test_pairs_are_told_apart_where_the_model_can(architecture, task_of, classifier):
    task, source = task_of("regression", text_pair_column="other")
    types = {"type_vocab_size": 1} if architecture == "roberta" else {}  # as roberta-base has
    _, model, tokenizer = classifier(architecture, task, **types)
    examples = task.examples(source, tokenizer, seed=0, training=False)
    batch = task.collate([examples[0, index] for index in range(3)])
    assert batch["token_type_ids"].shape == batch["input_ids"].shape
    swapped = {**batch, "token_type_ids": 1 - batch["token_type_ids"]}
    with torch.no_grad():
        apart = (task.forward(model, batch).logits - task.forward(model, swapped).logits).abs()
        alone = task.collate([examples[0, 0]])
        lone = task.forward(model, alone).logits
        torch.testing.assert_close(lone[0], task.forward(model, batch).logits[0])
    assert (float(apart.max()) > 1e-4) == (architecture == "bert")
    features = task.encode_inputs(list(source.rows()), tokenizer)
    assert [item["input_ids"].tolist() for item in features] == [
        examples[0, index]["input_ids"].tolist() for index in range(3)
    ]
    assert task.input_columns() == ("text", "other")
