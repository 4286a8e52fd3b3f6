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
    "on_divergence",
    "on_save_error",
    "layerwise_lr_decay",
    "eval_samples",
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
    "ddp_timeout",
)
"""The keys whose default differs from that of `TrainingArguments`."""

SHARDED_OPTIMIZERS = ("adam", "adamw_torch", "adamw_torch_fused", "sgd", "adagrad", "rmsprop")
"""The values of `optim` that treat each number of a weight by itself, so that parts are enough."""

OF_DDP = (
    "ddp_find_unused_parameters", "ddp_bucket_cap_mb", "ddp_broadcast_buffers", "ddp_static_graph",
)  # fmt: skip
"""Keys that only `parallel: ddp` reads."""


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

    @model_validator(mode="after")
    def _what_can_be_shared(self) -> "TrainSection":
        if self.parallel == "ddp":
            return self
        start = f"`train.parallel: {self.parallel}`"
        if self.optim not in SHARDED_OPTIMIZERS:
            raise ValueError(
                f"train.optim: {self.optim} needs whole matrices, which {start} does not keep; "
                f"allowed: {', '.join(SHARDED_OPTIMIZERS)}"
            )
        if self.precision == "float16":
            raise ValueError(f"train.precision: with {start} allowed: auto, bfloat16 or float32")
        if self.compile is True:
            raise ValueError(f"train.compile: with {start} allowed: auto or false")
        for key in OF_DDP:
            if getattr(self, key) is not None:
                raise ValueError(f"train.{key}: only with `train.parallel: ddp`")
        return self

    @model_validator(mode="after")
    def _steps_can_be_held_back(self) -> "TrainSection":
        """An optimizer that steps within the backward pass leaves the guard nothing to hold."""
        within = "layerwise" in self.optim or self.optim in ("lomo", "adalomo")
        for key, value in (("on_nonfinite", "skip"), ("on_divergence", "rollback")):
            if within and getattr(self, key) == value:
                raise ValueError(
                    f"train.{key}: `optim: {self.optim}` changes the weights within the backward "
                    f"pass, before a step can be judged; {value} needs another optimizer"
                )
        return self
