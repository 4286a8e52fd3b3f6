"""From the recipe's `train` section to Hugging Face `TrainingArguments`: nothing is translated.

The names are the same; only lmkit's own keys are taken out, and those that lmkit decides put in.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainingArguments

from lmkit.recipe.train import OWN, TrainSection

PLACEHOLDER_OPTIMIZER = "adamw_torch"  # for `adam` and `muon`, which lmkit makes itself
OWN_OPTIMIZERS = ("adam", "muon")


@dataclass(frozen=True)
class Cadence:
    """When a run logs, evaluates and saves, in optimizer steps."""

    logging_steps: int
    eval_steps: int
    save_steps: int


def cadence(train: TrainSection, max_steps: int) -> Cadence:
    """The steps between two log lines (a hundredth of the run), evaluations and saves (a tenth).

    A value below 1 in the recipe is a share of the run. With `load_best_model_at_end` saves fall on
    evaluations.
    """

    def steps(value: float | None, share: float) -> int:
        wanted = share if value is None else value
        return max(1, round(wanted * max_steps) if wanted < 1 else int(wanted))

    evaluate = steps(train.eval_steps, 0.1)
    save = evaluate if train.save_steps is None else steps(train.save_steps, 0.1)
    return Cadence(steps(train.logging_steps, 0.01), evaluate, save)


def training_arguments(train: TrainSection, output_dir: Path, **decided: Any) -> TrainingArguments:
    """The arguments of a resolved `train` section.

    Args:
        train: with nothing left on `auto` or None that lmkit decides.
        output_dir: where checkpoints go.
        decided: what does not stand in the section (accumulation, device, ...).
    """
    values = train.model_dump(exclude=set(OWN), exclude_none=True)
    if values["optim"] in OWN_OPTIMIZERS:
        values["optim"] = PLACEHOLDER_OPTIMIZER
    values |= {
        "output_dir": str(output_dir),
        "bf16": train.precision == "bfloat16",
        "fp16": train.precision == "float16",
        "torch_compile": train.compile is True,
        "full_determinism": train.deterministic,
        "remove_unused_columns": False,
        "disable_tqdm": True,
        "logging_nan_inf_filter": False,
        "report_to": train.report_to,
        "ddp_find_unused_parameters": bool(train.ddp_find_unused_parameters),
        "load_best_model_at_end": bool(train.load_best_model_at_end),
    }
    return TrainingArguments(**{**values, **decided})
