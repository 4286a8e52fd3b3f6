"""What `train` can choose, through the real command: optimizers, schedules, the best checkpoint."""

import json
from pathlib import Path
from typing import Any

import pytest

OPTIMIZERS = {
    "sgd": ("train.optim=sgd", "train.learning_rate=0.5"),
    "momentum": ("train.optim=sgd", "train.optim_args='momentum=0.9'", "train.learning_rate=0.1"),
    "adam": ("train.optim=adam",),
    "adamw": ("train.optim=adamw_torch_fused", "train.weight_decay=0.1"),
    "adagrad": ("train.optim=adagrad", "train.learning_rate=0.05"),
    "muon": ("train.optim=muon", "train.weight_decay=0.1"),
    "rmsprop": ("train.optim=rmsprop", "train.learning_rate=0.003"),
    "adafactor": ("train.optim=adafactor",),
}
EARLY = ("momentum", "adam", "adagrad", "muon")
"""Those that `make test` trains with."""
SCHEDULES: dict[str, str | None] = {
    "linear": None,
    "cosine": None,
    "cosine_with_restarts": "{num_cycles: 2}",
    "polynomial": "{power: 2.0, lr_end: 0.001}",
    "constant_with_warmup": None,
    "inverse_sqrt": None,
    "cosine_with_min_lr": "{min_lr_rate: 0.1}",
    "warmup_stable_decay": "{num_decay_steps: 2}",
    "reduce_lr_on_plateau": "{patience: 1}",
    "greedy": "{patience: 1}",
}


def words(*sets: str) -> list[str]:
    return [word for key in sets for word in ("--set", key)]


def lines(run: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(run, "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "sets",
    [
        pytest.param(sets, id=name, marks=[] if name in EARLY else pytest.mark.slow)
        for name, sets in OPTIMIZERS.items()
    ],
)
def test_every_optimizer_learns(cli, small_recipe: Path, sets: tuple[str, ...]) -> None:
    shape = ("train.max_steps=20", "train.save_steps=20", "train.eval_steps=20")
    ended = cli("pretrain", small_recipe, "-o", "run", "--json", *words(*shape, *sets))
    assert ended.code == 0, ended.err
    told = [line["loss"] for line in lines("run") if "loss" in line]
    assert told[-1] < 0.8 * told[0]


@pytest.mark.parametrize("optim", ["adamw_torch", pytest.param("muon", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if n % 2 else [])
        for n, name in enumerate(SCHEDULES)
    ],
)
def test_schedules(cli, small_recipe: Path, name: str, optim: str) -> None:
    sets = [f"train.lr_scheduler_type={name}", f"train.optim={optim}", "train.logging_steps=1"]
    if SCHEDULES[name] is not None:
        sets.append(f"train.lr_scheduler_kwargs={SCHEDULES[name]}")
    if name not in ("reduce_lr_on_plateau", "greedy"):
        sets.append("train.warmup_steps=0.25")
    ended = cli("pretrain", small_recipe, "-o", "run", *words(*sets))
    assert ended.code == 0, ended.err
    rates = [line["learning_rate"] for line in lines("run") if "loss" in line]
    assert max(rates) == pytest.approx(0.01, rel=0.15)
    if "train.warmup_steps=0.25" in sets:
        assert rates[:2] == pytest.approx([0.0, 0.005])


WRONG = {
    "optim_args": (
        ("train.optim=sgd", "train.optim_args='momentun=0.9'"),
        "train.optim_args: sgd has no argument 'momentun'; did you mean `momentum`?",
    ),
    "optim_args value": (
        ("train.optim=sgd", "train.optim_args='momentum=much'"),
        "train.optim_args: momentum: 'much' is not a number",
    ),
    "schedule key": (
        (
            "train.lr_scheduler_type=cosine_with_min_lr",
            "train.lr_scheduler_kwargs={min_lr_rat: 0.1}",
        ),
        "cosine_with_min_lr has no argument 'min_lr_rat'; did you mean `min_lr_rate`?",
    ),
    "schedule without keys": (
        ("train.lr_scheduler_kwargs={min_lr: 0.1}",),
        "train.lr_scheduler_kwargs: linear has no argument 'min_lr' (it takes none)",
    ),
    "warm-up without one": (
        ("train.lr_scheduler_type=constant", "train.warmup_steps=4"),
        "train.warmup_steps: constant has no warm-up (constant_with_warmup has one)",
    ),
    "metric": (
        ("train.metric_for_best_model=perplexitty",),
        "train.metric_for_best_model: this task has no metric 'perplexitty'; did you mean "
        "`perplexity`? (it has loss, perplexity, bits_per_byte)",
    ),
    "saves off the evaluations": (
        ("train.load_best_model_at_end=true", "train.save_steps=6", "train.eval_steps=4"),
        "train.save_steps",
    ),
}


@pytest.mark.parametrize(("sets", "text"), WRONG.values(), ids=WRONG.keys())
def test_told_before_the_first_step(
    cli, small_recipe: Path, sets: tuple[str, ...], text: str
) -> None:
    for more in ((), ("--dry-run",)):
        ended = cli("pretrain", small_recipe, "-o", "run", *words(*sets), *more)
        assert ended.code == 2
        assert text in ended.err
        assert "step 2/8" not in ended.err
        assert "Traceback" not in ended.err
        assert not Path("run").exists()


def test_label_smoothing_is_in_the_objective_only(cli, small_recipe: Path) -> None:
    """With a rate of 0 nothing is learned: only what is told of the objective may differ."""
    still = ("train.learning_rate=0.0", "train.logging_steps=8", "train.total_batch_size=64")
    plain = json.loads(cli("pretrain", small_recipe, "-o", "a", "--json", *words(*still)).out)
    smooth = json.loads(
        cli(
            "pretrain", small_recipe, "-o", "b", "--json",
            *words(*still, "train.label_smoothing_factor=0.5"),
        ).out
    )  # fmt: skip
    assert smooth["metrics"] == plain["metrics"]
    assert smooth["train"]["loss"] != pytest.approx(plain["train"]["loss"], abs=1e-4)


def test_the_best_checkpoint_is_kept_and_stops_early(cli, small_recipe: Path) -> None:
    """A rate that is far too high from the second evaluation on: the first is the best."""
    sets = (
        "train.max_steps=40", "train.eval_steps=2", "train.save_steps=2",
        "train.lr_scheduler_type=constant_with_warmup", "train.warmup_steps=12",
        "train.learning_rate=3.0", "train.early_stopping_patience=2",
        "train.load_best_model_at_end=true", "train.save_total_limit=2",
    )  # fmt: skip
    ended = cli("pretrain", small_recipe, "-o", "run", "--json", *words(*sets))
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    evaluations = {line["step"]: line["eval_loss"] for line in lines("run") if "eval_loss" in line}
    best = min(evaluations, key=lambda step: evaluations[step])
    assert summary["step"] == best
    assert summary["train"]["steps"] == best + 4 < 40
    assert max(evaluations) == best + 4
    assert summary["metrics"]["loss"] == pytest.approx(evaluations[best], abs=1e-9)
    kept = {path.name for path in Path("run/checkpoints").iterdir()}
    assert kept == {f"checkpoint-{best}", f"checkpoint-{best + 4}"}


def test_the_best_by_another_metric(cli, small_recipe: Path) -> None:
    sets = ("train.load_best_model_at_end=true", "train.metric_for_best_model=eval_bits_per_byte")
    ended = cli("pretrain", small_recipe, "-o", "run", "--json", *words(*sets))
    assert ended.code == 0, ended.err
    scores = {line["step"]: line.get("eval_bits_per_byte") for line in lines("run")}
    found = {step: score for step, score in scores.items() if score is not None}
    assert json.loads(ended.out)["step"] == min(found, key=lambda step: found[step])


def test_a_batch_larger_than_the_data_takes_it_all(cli, small_recipe: Path) -> None:
    sets = ("train.total_batch_size=4000", "train.per_device_train_batch_size=4000")
    ended = cli("pretrain", small_recipe, "-o", "run", "--json", *words(*sets))
    assert ended.code == 0
    assert "4000 sequences a step are asked for, but the training data make only" in ended.err
    ledger = [line for line in lines("run") if "loss" in line]
    assert ledger[0]["epoch"] == 2.0
    assert json.loads(ended.out)["train"]["steps"] == 8
