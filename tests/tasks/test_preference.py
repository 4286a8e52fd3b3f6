"""Preference: objective, rewards and reference against sums of log-softmax."""

import copy
import math

import numpy as np
import pytest
import torch

from lmkit.data.preference_pairs import Pairs
from lmkit.data.rows import Row
from lmkit.errors import DataError, ModelError
from lmkit.evaluation.scoring import score
from lmkit.labels import IGNORED
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.preference import PreferenceOptions
from lmkit.recipe.sections import ModelSection
from lmkit.tasks.preference import Preference

PAIRS = (
    ("the cat", " sat on the mat", " ran"), ("a dog", " ran to the house", " sat by the red door"),
    ("she reads", " a book", " a cat"), ("the house on the hill", " has a door", " reads a book"),
)  # fmt: skip


class Choices:
    """Prompts with two answers."""

    name = "train"

    def __init__(self, *pairs):
        self.pairs = pairs

    def rows(self):
        for number, texts in enumerate(self.pairs, start=1):
            names = ("prompt", "chosen", "rejected")
            yield Row(dict(zip(names, texts, strict=True)), f"train.jsonl:{number}")

    def fingerprint(self):
        return repr(self.pairs)


@pytest.fixture
def preference(tiny_gpt2_folder, tiny_tokenizer):
    """A function from options to a task, a model that has moved, and the tokenizer."""

    def build(**options):
        task = Preference(PreferenceOptions(name="preference", max_length=48, **options))
        loader = ModelLoader(ModelSection(source=str(tiny_gpt2_folder)))
        tokenizer = copy.deepcopy(tiny_tokenizer)
        model = task.build_model(loader, tokenizer).eval()
        with torch.no_grad():
            draw = torch.Generator().manual_seed(1)
            for parameter in model.parameters():
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=draw))
        return task, model, tokenizer

    return build


def logp(model, tokenizer, prompt, answer):
    """The log-probability of an answer and its end token, by itself."""
    start = len(tokenizer(prompt)["input_ids"])
    ids = [*tokenizer(prompt + answer)["input_ids"], tokenizer.eos_token_id]
    with torch.no_grad():
        shares = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return sum(float(shares[at - 1, ids[at]]) for at in range(start, len(ids)))


@pytest.mark.parametrize("batch_size", [1, 3])
def test_rewards_and_objective_by_hand(preference, tiny_gpt2, batch_size):
    task, model, tokenizer = preference(beta=0.5)
    examples = task.examples(Choices(*PAIRS), tokenizer, seed=0, training=False)
    rewards = [
        [
            0.5 * (logp(model, tokenizer, prompt, text) - logp(tiny_gpt2, tokenizer, prompt, text))
            for text in (chosen, rejected)
        ]
        for prompt, chosen, rejected in PAIRS
    ]
    task.attach(model)
    rows = score(model, task, examples, batch_size=batch_size)
    found = task.metrics(rows)
    margins = [chosen - rejected for chosen, rejected in rewards]
    objective = [math.log(1 + math.exp(-margin)) for margin in margins]
    assert rows["chosen"] == pytest.approx([chosen for chosen, _ in rewards], abs=1e-4)
    assert found["loss"] == pytest.approx(sum(objective) / 4, abs=1e-4)
    assert found["accuracy"] == sum(margin > 0 for margin in margins) / 4
    assert found["margin"] == pytest.approx(sum(margins) / 4, abs=1e-4)
    batch = task.collate([examples[0, index] for index in range(4)])
    total = task.loss(task.forward(model, batch), batch)
    assert total.item() == pytest.approx(sum(objective), abs=1e-4)
    assert set(task.intervals(rows, 1)) == set(found)


def test_before_training_nothing_is_preferred(preference, tiny_gpt2_folder):
    task, _, tokenizer = preference()
    model = task.build_model(ModelLoader(ModelSection(source=str(tiny_gpt2_folder))), tokenizer)
    examples = task.examples(Choices(*PAIRS), tokenizer, seed=0, training=False)
    task.attach(model)
    found = task.metrics(score(model, task, examples, batch_size=2))
    assert found["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert found["margin"] == pytest.approx(0.0, abs=1e-5)


def test_rows_that_fill_a_batch_count_nothing(preference):
    task, model, tokenizer = preference(reference="none")
    examples = task.examples(Choices(*PAIRS), tokenizer, seed=0, training=True)
    real = examples[0, 0]
    filler = {**examples[0, 1], "labels": IGNORED}
    one, two = task.collate([real]), task.collate([real, filler])
    task.attach(model)
    with torch.no_grad():
        first, second = (float(task.loss(task.forward(model, b), b)) for b in (one, two))
    assert first == pytest.approx(second, rel=1e-6)
    assert task.count(two) == 1
    assert task.tokens(one) == task.tokens(two)


def test_the_reference_is_the_start_whatever_the_model_is_now(preference, tiny_gpt2):
    """As on a resume, or where a finished run is scored: the options say where it lies."""
    task, model, tokenizer = preference()
    later = Preference(task.options)
    assert task.options.reference_sha256 is not None
    section = ModelSection(architecture="gpt2", config={"n_embd": 32, "n_layer": 1, "n_head": 2})
    later.build_model(ModelLoader(section), tokenizer)
    assert later.options == task.options
    found = later.examples(Choices(*PAIRS), tokenizer, seed=0, training=False)
    by_hand = logp(tiny_gpt2, tokenizer, *PAIRS[0][:2])
    assert found.reference[0, 0] == pytest.approx(by_hand, abs=1e-4)
    assert by_hand != pytest.approx(logp(model, tokenizer, *PAIRS[0][:2]), abs=1e-2)


def test_a_new_model_is_no_reference(tiny_tokenizer):
    task = Preference(PreferenceOptions(name="preference", max_length=48))
    section = ModelSection(architecture="gpt2", config={"n_embd": 32, "n_layer": 1, "n_head": 2})
    with pytest.raises(ModelError, match=r"a new model is no reference.*task\.reference: none"):
        task.build_model(ModelLoader(section), tiny_tokenizer)


def test_tokens_that_the_reference_never_met(preference):
    with pytest.raises(ModelError, match="writes tokens that the model has never met"):
        preference(chat_template="chatml")


def test_a_row_without_a_choice_is_told_first(preference):
    task, _, _ = preference(reference="none")
    with pytest.raises(DataError, match=r"train\.jsonl:2: .* are equal"):
        task.resolve(Choices(PAIRS[0], ("a", "b", "b")))


def test_baselines(preference):
    task, _, tokenizer = preference(reference="none")
    examples = task.examples(Choices(*PAIRS), tokenizer, seed=0, training=False)
    lengths = examples.answer_lengths()
    longer = np.mean([1.0 if a > b else 0.5 * (a == b) for a, b in lengths])
    source = Choices(*PAIRS)
    assert task.baselines(None, source, examples, tokenizer) == {"longer": {"accuracy": longer}}
    assert task.headline == ("accuracy", True)  # neither has a loss
    scored = examples.scored(np.asarray([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0], [2.0, 1.0]]))
    assert isinstance(scored, Pairs)
    found = task.baselines(None, source, scored, tokenizer)
    assert found["reference"] == {"accuracy": 2.5 / 4}
