"""The `train` section: the names of Hugging Face `TrainingArguments`, and lmkit's own few.

Nothing is translated: a field has the name, the type and the default it has there, but for the
defaults in `OTHER_DEFAULTS`. Steps are optimizer steps throughout.
"""

from pydantic import model_validator

from lmkit.recipe.train_cadence import CadenceSection
from lmkit.recipe.train_machine import MachineSection
from lmkit.recipe.train_optimization import OptimizationSection

OWN = (
    "total_batch_size",
    "precision",
    "compile",
    "parallel",
    "deterministic",
    "on_nonfinite",
    "on_save_error",
    "layerwise_lr_decay",
    "early_stopping_patience",
    "early_stopping_threshold",
)
"""The keys of `train` that are no `TrainingArguments`."""

OTHER_DEFAULTS = (
    "logging_steps",
    "save_steps",
    "eval_strategy",
    "save_total_limit",
    "load_best_model_at_end",
)
"""The keys whose default differs from that of `TrainingArguments`."""


class TrainSection(MachineSection, CadenceSection, OptimizationSection):
    """How to train."""

    @model_validator(mode="after")
    def _schedule_has_a_metric(self) -> "TrainSection":
        if self.schedule_needs_evaluation and self.eval_strategy == "no":
            raise ValueError(
                f"train.lr_scheduler_type: {self.lr_scheduler_type} follows the evaluations; "
                "`train.eval_strategy` is no, allowed: steps or epoch"
            )
        return self
