"""Details of labels and numbers, against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from lmkit.details.classification import details
from lmkit.evaluation.slices import Groups
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.tasks.classification import Classification

DRAWN = np.random.default_rng(3)
COUNT = 40
VALUES = [{"text": f"text number {number}"} for number in range(COUNT)]


def task_of(problem, **more):
    return Classification(ClassificationOptions(name="classification", problem=problem, **more))


def reduced(task, logits, labels, size):
    """The rows of all texts, batch by batch."""
    rows = {}
    for start in range(0, len(logits), size):
        part = task.problem.stack(labels[start : start + size])
        found = task.problem.reduce(torch.from_numpy(logits[start : start + size]), part)
        for key, values in found.items():
            rows.setdefault(key, []).extend(values)
    return rows


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "c"]])
def test_one_label(scored, by_name, names):
    task = task_of("single_label", labels=names)
    logits, gold = DRAWN.normal(size=(COUNT, len(names))), DRAWN.integers(0, len(names), COUNT)
    lengths = np.arange(COUNT)
    columns = {"kind": Groups(["x", "y"], np.arange(COUNT) % 2)}
    told = logits.argmax(1)
    seen = []
    for size in (1, 64):
        rows = reduced(task, logits, gold.tolist(), size)
        made = details(scored(task, rows, VALUES, lengths, columns=columns))
        seen.append([one.as_json() for one in made])
    assert seen[0] == seen[1]
    found = by_name(made)
    assert ("thresholds" in found) == (len(names) == 2)
    for group, row in enumerate(found["by_column_kind"].rows):
        part = np.arange(COUNT) % 2 == group
        assert row[2] == pytest.approx((gold == told)[part].mean())
        macro = f1_score(gold[part], told[part], average="macro", zero_division=0)
        assert row[-1] == pytest.approx(macro)
    assert [row[1] for row in found["by_length"].rows] == [10] * 4
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    wrong = np.flatnonzero(gold != told)
    surest = wrong[np.argsort(-shares.max(1)[wrong])][:10]
    for row, at in zip(found["worst_mistakes"].rows, surest, strict=True):
        assert row[0] == f"test.jsonl:{at + 1}"
        assert row[1] == pytest.approx(shares[at].max(), abs=1e-4)
        assert row[2:] == [names[gold[at]], names[told[at]], f"text number {at}"]
    numbers = dict(found["calibration"].rows)
    assert numbers["share_true"] == pytest.approx((gold == told).mean())
    assert numbers["mean_probability"] == pytest.approx(shares.max(1).mean(), abs=1e-4)


def test_several_labels(scored, by_name):
    task = task_of("multi_label", labels=["a", "b", "c"])
    logits, gold = DRAWN.normal(size=(COUNT, 3)), DRAWN.integers(0, 2, (COUNT, 3)).astype(bool)
    logits[7], gold[7] = [9.0, 1.0, 1.0], [False, True, True]  # the worst
    rows = reduced(task, logits, list(gold), 8)
    found = by_name(details(scored(task, rows, VALUES, np.arange(COUNT))))
    worst = found["worst_mistakes"].rows[0]
    assert worst[0] == "test.jsonl:8"
    assert worst[2:4] == ["b, c", "a, b, c"]
    at_half = next(row for row in found["thresholds"].rows if row[0] == 0.5)
    assert at_half[3] == pytest.approx(f1_score(gold, logits >= 0, average="micro"))
    first = found["by_length"].rows[0]
    assert first[2] == pytest.approx((gold == (logits >= 0)).all(1)[:10].mean())
    assert first[5] == pytest.approx(f1_score(gold[:10], logits[:10] >= 0, average="micro"))


def test_a_number(scored, by_name):
    task = task_of("regression")
    gold = np.arange(COUNT, dtype=float)
    logits = gold[:, None] + DRAWN.normal(size=(COUNT, 1))
    logits[11] += 50
    rows = reduced(task, logits, gold.tolist(), 8)
    found = by_name(details(scored(task, rows, VALUES, np.arange(COUNT))))
    errors = logits[:, 0] - gold
    residuals = found["residuals"].rows
    assert len(residuals) == 10
    assert residuals[0][:2] == ["0 to 3", 4]
    assert residuals[0][2] == pytest.approx(errors[:4].mean(), abs=1e-6)
    assert residuals[0][4] == pytest.approx(np.sqrt((errors[:4] ** 2).mean()), abs=1e-6)
    assert found["worst_mistakes"].rows[0][0] == "test.jsonl:12"
    assert found["worst_mistakes"].rows[0][1] == pytest.approx(abs(errors[11]))
    assert list(found["worst_mistakes"].columns)[1] == "error"
    assert found["by_length"].rows[1][2] == pytest.approx((errors[10:20] ** 2).mean(), rel=1e-6)


def test_pairs_show_both_texts(scored, by_name):
    task = task_of("single_label", labels=["a", "b"], text_pair_column="other")
    rows = reduced(task, np.array([[2.0, 0.0]]), [1], 1)
    found = by_name(details(scored(task, rows, [{"text": "one", "other": "two"}], [3])))
    assert found["worst_mistakes"].rows[0][2:] == ["b", "a", "one", "two"]
