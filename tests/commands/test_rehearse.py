"""What is tried before the first step, and that trying leaves no trace."""

import copy

import pytest
import torch

from lmkit.commands.rehearse import rehearse
from lmkit.data.sources import open_splits
from lmkit.errors import DataError, LmkitError
from lmkit.recipe.load import load_recipe
from lmkit.tasks import build
from lmkit.training.processes import Processes


@pytest.fixture
def rehearsed(small_recipe, tiny_gpt2, tiny_tokenizer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*sets: str, train=None, validation=True) -> None:
        recipe = load_recipe(str(small_recipe), sets)
        task = build(recipe.task)
        splits = open_splits(recipe.data, recipe.task)

        def scored():
            return task.examples(splits.validation, tiny_tokenizer, seed=1, training=False)

        if train is None:
            train = task.examples(splits.train, tiny_tokenizer, seed=1, training=True)
        rehearse(recipe, Processes(), task, tiny_gpt2, train, scored if validation else None)

    return run


@pytest.mark.parametrize("optim", ["sgd", "adamw_torch", "muon", "adafactor"])
def test_it_leaves_the_model_and_the_dice_alone(rehearsed, tiny_gpt2, optim: str) -> None:
    before, dice = copy.deepcopy(tiny_gpt2.state_dict()), torch.get_rng_state()
    rehearsed(f"train.optim={optim}", "train.metric_for_best_model=perplexity")
    after = tiny_gpt2.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert torch.equal(torch.get_rng_state(), dice)
    assert all(parameter.grad is None for parameter in tiny_gpt2.parameters())
    logits = tiny_gpt2(input_ids=torch.zeros(1, 4, dtype=torch.long)).logits
    assert logits.shape == (1, 4, 300)  # the head is whole again


@pytest.mark.parametrize(
    ("set_", "text"),
    [
        ("train.optim_args='momentum=0.9'", "adamw_torch has no argument 'momentum'"),
        ("train.lr_scheduler_kwargs={power: 2}", "linear has no argument 'power'"),
        ("train.optim=lomo", "train.optim: lomo"),
        ("train.metric_for_best_model=accuracy", "no metric 'accuracy'"),
        ("train.metric_for_best_model=eval_bits_per_bite", "did you mean `bits_per_byte`"),
    ],
)
def test_what_does_not_fit(rehearsed, set_: str, text: str) -> None:
    with pytest.raises(LmkitError, match=text):
        rehearsed(set_)


def test_no_validation_data(rehearsed) -> None:
    with pytest.raises(DataError, match=r"set train\.eval_strategy: no"):
        rehearsed(validation=False)
    rehearsed("train.eval_strategy=no", validation=False)


def test_nothing_to_train_on(rehearsed) -> None:
    with pytest.raises(DataError, match="there is nothing to train on"):
        rehearsed(train=[])
