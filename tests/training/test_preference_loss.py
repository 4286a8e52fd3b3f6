"""The objectives of a pair against the formulas written out, and against TRL's where it is."""

import copy
import importlib
import math

import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from lmkit.data.preference_pairs import encode_pairs
from lmkit.data.rows import Row
from lmkit.recipe.options.preference import PreferenceOptions
from lmkit.tasks.preference import Preference
from lmkit.training.preference_loss import pair_objective

LOGP = torch.tensor([-3.0, -7.0, -4.0, -6.5], dtype=torch.float64)  # two preferred, two others
REFERENCE = torch.tensor([-4.0, -6.0, -4.5, -6.5], dtype=torch.float64)
TOKENS = torch.tensor([2, 5, 4, 3])


def by_hand(kind, beta, smoothing):
    found = []
    for pair in (0, 1):
        ratios = [float(LOGP[i] - REFERENCE[i]) for i in (pair, pair + 2)]
        if kind == "ipo":
            ratios = [
                ratio / int(TOKENS[i]) for ratio, i in zip(ratios, (pair, pair + 2), strict=True)
            ]
        gap = ratios[0] - ratios[1]
        one = {
            "sigmoid": lambda d: math.log(1 + math.exp(-beta * d)),
            "hinge": lambda d: max(0.0, 1 - beta * d),
            "ipo": lambda d: (d - 1 / (2 * beta)) ** 2,
        }[kind]
        found.append((1 - smoothing) * one(gap) + smoothing * one(-gap))
    return found


@pytest.mark.parametrize("kind", ["sigmoid", "hinge", "ipo"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_formulas(kind, smoothing):
    found = pair_objective(
        LOGP, REFERENCE, TOKENS, loss_type=kind, beta=0.3, label_smoothing=smoothing
    )
    assert found.tolist() == pytest.approx(by_hand(kind, 0.3, smoothing), rel=1e-12)


@given(st.lists(st.floats(-50, 50), min_size=4, max_size=4), st.sampled_from(["sigmoid", "hinge"]))
@settings(max_examples=50)
def test_a_larger_margin_never_costs_more(values, kind):
    logp = torch.tensor(values, dtype=torch.float64)
    zero = torch.zeros(4, dtype=torch.float64)
    more = logp + torch.tensor([1.0, 1.0, 0.0, 0.0])
    here, there = (pair_objective(x, zero, TOKENS, loss_type=kind, beta=0.1) for x in (logp, more))
    assert (there <= here).all()
    assert (here >= 0).all()


def test_at_the_reference_a_pair_costs_log_two():
    found = pair_objective(REFERENCE, REFERENCE, TOKENS, loss_type="sigmoid", beta=0.1)
    assert found.tolist() == pytest.approx([math.log(2)] * 2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # of TRL itself
@pytest.mark.parametrize("kind", ["sigmoid", "hinge", "ipo"])
def test_trl_finds_the_same(kind, tiny_gpt2, tiny_tokenizer, tmp_path):
    """TRL's DPOTrainer, on logits of a model and a reference, over one batch of pairs."""
    trl = importlib.import_module("trl")
    pairs = [
        {"prompt": "the cat", "chosen": " sat on the mat", "rejected": " ran"},
        {"prompt": "a dog", "chosen": " ran to the house", "rejected": " sat by the red door"},
    ]
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.pad_token = tokenizer.eos_token
    reference = copy.deepcopy(tiny_gpt2)
    with torch.no_grad():
        for parameter in tiny_gpt2.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.manual_seed(1)))
    args = trl.DPOConfig(
        output_dir=str(tmp_path), loss_type=kind, beta=0.3, per_device_train_batch_size=2,
        use_cpu=True, report_to="none", bf16=False, max_length=None,
    )  # fmt: skip
    trainer = trl.DPOTrainer(
        model=tiny_gpt2, ref_model=reference, args=args, processing_class=tokenizer,
        train_dataset=Dataset.from_list(pairs),
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    theirs = float(trainer.compute_loss(tiny_gpt2.eval(), batch))

    options = PreferenceOptions(
        name="preference", loss_type=kind, beta=0.3, max_length=64, reference="none"
    )
    task = Preference(options)
    rows = [Row(pair, f"row {number}") for number, pair in enumerate(pairs)]
    found = encode_pairs(rows, tokenizer, None, options)
    ours = task.collate([found[0, index] for index in range(2)])
    for model in (reference, tiny_gpt2):
        task.attach(model)
        with torch.no_grad():
            outputs = task.forward(model.eval(), ours)
            if model is reference:
                nll, _ = task.head.score(outputs.logits, ours["targets"])
                ours["reference"] = -nll.sum(1)
            else:
                loss = float(task.loss(outputs, ours)) / 2
        task.detach(model)
    assert loss == pytest.approx(theirs, abs=1e-5)
