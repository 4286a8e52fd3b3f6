"""What every task has without a word of its own."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lmkit.errors import UsageError
from lmkit.labels import IGNORED
from lmkit.recipe.base import TaskOptions
from lmkit.tasks.base import Task


class Mean(Task[TaskOptions]):
    """Rows with a value each; its metric is their mean."""

    def build_model(self, loader, tokenizer):
        return None

    def examples(self, source, tokenizer, *, seed, training):
        return None

    def collate(self, features):
        return {}

    def loss(self, outputs, batch, label_smoothing=0.0):
        return torch.zeros(())

    def reduce(self, outputs, batch):
        return {}

    def metrics(self, rows):
        return {"loss": float(np.mean(rows["nll"]))}

    def definition(self):
        return ""


@pytest.fixture
def task():
    return Mean(TaskOptions(name="mean"))


def test_a_task_says_all_it_must():
    with pytest.raises(TypeError, match="abstract"):
        Task(TaskOptions(name="none"))


def test_defaults(task):
    assert (task.best_metric, task.greater_is_better) == ("loss", False)
    assert task.resolve(None) is task.options
    assert task.check(None) is None
    assert task.baselines(None, None, None, None) == {}
    assert Mean.options_for(SimpleNamespace(), 8) is None


def test_labels_stay_here_and_predicted_items_are_counted(task, tiny_gpt2):
    seen = {}
    tiny_gpt2.forward = lambda **inputs: seen.update(inputs)
    batch = {
        "input_ids": torch.ones(2, 3, dtype=torch.long),
        "labels": torch.tensor([[1, IGNORED, 0], [IGNORED, IGNORED, 2]]),
    }
    task.forward(tiny_gpt2, batch)
    assert "labels" not in seen
    assert seen["input_ids"] is batch["input_ids"]
    assert task.count(batch) == 3


def test_tokens_are_those_that_are_text(task):
    batch = {"input_ids": torch.ones(2, 3, dtype=torch.long)}
    assert task.tokens(batch) == 6
    batch["attention_mask"] = torch.tensor([[1, 1, 1], [1, 0, 0]])
    assert task.tokens(batch) == 4


def test_intervals_are_those_of_the_normal_distribution(task):
    """Of a mean over 400 rows: 1.96 standard errors to either side (central limit theorem)."""
    values = np.random.default_rng(0).gamma(2.0, size=400)
    ((low, high),) = task.intervals({"nll": values.tolist()}, seed=1).values()
    error = values.std(ddof=1) / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.25 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.25 * error)


@pytest.mark.parametrize(
    ("name", "instead"), [("causal_lm", "lmkit generate"), ("masked_lm", "lmkit finetune")]
)
def test_what_predicts_nothing_says_what_to_do_instead(name, instead):
    task = Mean(TaskOptions(name=name))
    with pytest.raises(UsageError, match=rf"a {name} model has nothing to predict; .*{instead}"):
        task.encode_inputs([], None)


def test_decoding_needs_a_task_that_encodes(task):
    with pytest.raises(NotImplementedError, match="mean"):
        task.decode(None, {})


class Pairs(Mean):
    """Answers for two columns at a time."""

    def input_columns(self):
        return ("question", "context")


def test_arguments_fill_the_columns_a_row_at_a_time(task):
    assert task.input_rows(["a", "b"]) == [{"text": "a"}, {"text": "b"}]
    pairs = Pairs(TaskOptions(name="pairs"))
    assert pairs.input_rows(["q", "c", "r", "d"]) == [
        {"question": "q", "context": "c"},
        {"question": "r", "context": "d"},
    ]
    with pytest.raises(
        UsageError, match=r"3 texts: this model takes 2 a row \(question, context\)"
    ):
        pairs.input_rows(["q", "c", "r"])


def test_an_answer_is_shown_with_its_score(task):
    assert task.shown({"label": "low", "scores": {"low": 0.75}}).split() == ["low", "0.75"]
