"""Rules of the cadence keys, compared with what `TrainingArguments` itself refuses."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from transformers import TrainingArguments

from lmkit.recipe.train_cadence import CadenceSection


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"eval_steps": 2.5}, "train.eval_steps: found 2.5; allowed: a whole number of steps"),
        ({"report_to": ["none", "wandb"]}, "train.report_to: `none` stands alone; found"),
        (
            {"eval_strategy": "no", "early_stopping_patience": 3},
            "train.early_stopping_patience: needs evaluations; `train.eval_strategy` is no",
        ),
        (
            {"eval_strategy": "no", "load_best_model_at_end": True},
            "train.load_best_model_at_end: needs evaluations; `train.eval_strategy` is no",
        ),
        (
            {"eval_strategy": "no", "save_strategy": "best"},
            "train.save_strategy: needs evaluations; `train.eval_strategy` is no",
        ),
        (
            {"load_best_model_at_end": True, "save_strategy": "epoch"},
            "train.save_strategy: with `load_best_model_at_end: true` it must be steps, as "
            "`train.eval_strategy` is, or best; found epoch",
        ),
        (
            {"load_best_model_at_end": True, "save_steps": 50, "eval_steps": 20},
            "train.save_steps: with `load_best_model_at_end: true` it must be a multiple of "
            "`train.eval_steps` (20), in the same unit; found 50",
        ),
        (
            {"load_best_model_at_end": True, "save_steps": 50, "eval_steps": 0.5},
            "train.save_steps: with `load_best_model_at_end: true` it must be a multiple of "
            "`train.eval_steps` (0.5), in the same unit; found 50",
        ),
    ],
)
def test_what_is_refused(keys: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError) as raised:
        CadenceSection.model_validate(keys)
    (error,) = raised.value.errors()
    assert str(error["ctx"]["error"]).startswith(text)


@pytest.mark.parametrize("eval_steps", [1, 20, 0.1, 0.3])
@pytest.mark.parametrize("save_steps", [1, 40, 50, 0.1, 0.2, 0.3, 0.6])
@pytest.mark.parametrize("save_strategy", ["steps", "epoch", "best"])
def test_best_checkpoints_are_kept_wherever_transformers_can(
    tmp_path: Path, eval_steps: float, save_steps: float, save_strategy: str
) -> None:
    keys = {
        "load_best_model_at_end": True,
        "eval_strategy": "steps",
        "save_strategy": save_strategy,
        "eval_steps": eval_steps,
        "save_steps": save_steps,
    }
    try:
        TrainingArguments(output_dir=str(tmp_path), use_cpu=True, **keys)
        theirs = True
    except ValueError:
        theirs = False
    try:
        CadenceSection.model_validate(keys)
        ours = True
    except ValidationError:
        ours = False
    assert ours == theirs


@pytest.mark.parametrize("report_to", ["none", "all", "tensorboard", ["wandb", "mlflow"], []])
def test_where_metrics_go(report_to: object) -> None:
    assert CadenceSection.model_validate({"report_to": report_to}).report_to == report_to
