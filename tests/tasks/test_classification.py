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
    assert list(found) == ["loss", "accuracy", "macro_f1"]


def test_accuracy_and_macro_f1_by_hand(task_with):
    rows = {
        "nll": [1.0, 2.0, 3.0, 4.0], "count": [1, 1, 1, 1],
        "gold": [0, 0, 1, 1], "predicted": [0, 1, 1, 1],
    }  # fmt: skip
    found = task_with().metrics(rows)
    # class a: precision 1, recall 1/2; class b: precision 2/3, recall 1; class c: never met
    assert found == {"loss": 2.5, "accuracy": 0.75, "macro_f1": pytest.approx((2 / 3 + 4 / 5) / 3)}


def test_intervals_hold_the_metrics(task_with):
    random = np.random.default_rng(0)
    gold = random.integers(0, 3, 200)
    predicted = np.where(random.random(200) < 0.7, gold, random.integers(0, 3, 200))
    rows = {
        "nll": random.random(200).tolist(), "count": [1] * 200,
        "gold": gold.tolist(), "predicted": predicted.tolist(),
    }  # fmt: skip
    task = task_with()
    metrics, intervals = task.metrics(rows), task.intervals(rows, 1)
    assert set(intervals) == {"loss", "accuracy", "macro_f1"}
    for name, (low, high) in intervals.items():
        assert low < metrics[name] < high
        assert high - low < 0.15


def test_the_majority_is_that_of_the_training_data(bert, five, labeled):
    task, _, tokenizer = bert
    test = labeled(["x", "y", "z"], ["c", "b", "b"], name="test")
    examples = task.examples(test, tokenizer, seed=0, training=False)
    found = task.baselines(five, test, examples, tokenizer)["majority"]
    assert found["accuracy"] == 0.0  # `a` and `b` are as common: the first is guessed
    assert task.baselines(None, test, examples, tokenizer) == {}


def test_macro_f1_chooses_the_best():
    assert (Classification.best_metric, Classification.greater_is_better) == ("macro_f1", True)


def test_the_definition_names_the_limit(task_with):
    told = task_with(max_length=24).definition()
    assert "all 3 labels" in told
    assert "24 tokens" in told
