"""The part of the `train` section that decides when to log, evaluate and save."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from lmkit.recipe.base import Section
from lmkit.recipe.train_names import Reporter
from lmkit.recipe.train_optimization import whole_or_share


class CadenceSection(Section):
    """Logging, evaluation, checkpoints and the choice of the best one."""

    logging_strategy: Literal["no", "steps", "epoch"] = "steps"
    """When a line of training metrics is written."""
    logging_steps: float | None = Field(default=None, gt=0.0)
    """Steps between two such lines; below 1 a share of the run; left out, a hundredth of the run,
    at least one step."""
    logging_first_step: bool = False
    """Also write a line for the very first step."""
    eval_strategy: Literal["no", "steps", "epoch"] = "steps"
    """When the validation data are scored."""
    eval_steps: float | None = Field(default=None, gt=0.0)
    """Steps between two evaluations; below 1 a share of the run; left out, a tenth of the run, at
    least one step."""
    eval_delay: float = Field(default=0.0, ge=0.0)
    """Steps (or epochs, as `eval_strategy` says) before the first evaluation."""
    eval_on_start: bool = False
    """Also evaluate before the first step."""
    eval_samples: int | None = Field(default=None, ge=0)
    """Beginnings of validation texts that the model goes on with at each evaluation, greedily, for
    samples.jsonl and the report: to see how it learns to write. 0: none; left out, 3 where the
    model of the task writes (of a masked one: fills in)."""
    per_device_eval_batch_size: int = Field(default=8, ge=1)
    """Sequences of one forward pass of evaluation on one device; no result depends on it."""
    save_strategy: Literal["no", "steps", "epoch", "best"] = "steps"
    """When a checkpoint is written; `best`: at each new best evaluation."""
    save_steps: float | None = Field(default=None, gt=0.0)
    """Steps between two checkpoints; below 1 a share of the run; left out, a tenth of the run, at
    least one step."""
    save_total_limit: int | None = Field(default=3, ge=1)
    """Checkpoints to keep, the newest and the best; null: all of them."""
    load_best_model_at_end: bool | None = None
    """Whether `model/` is the best checkpoint by validation instead of the last; left out,
    finetune takes the best and pretrain the last."""
    metric_for_best_model: str | None = None
    """The metric that tells which is best, such as `loss` or `macro_f1`; left out, the task's."""
    greater_is_better: bool | None = None
    """Whether a larger metric is better; left out, as the metric's nature is."""
    early_stopping_patience: int | None = Field(default=None, ge=1)
    """Stop after this many evaluations without improvement; left out, never."""
    early_stopping_threshold: float = Field(default=0.0, ge=0.0)
    """What counts as an improvement: more than this, in units of the metric."""
    on_nonfinite: Literal["stop", "skip"] = "stop"
    """A loss or gradient that is not finite: `stop` with exit code 3, before the weights change, or
    `skip` the step, at most 10 times in a run. Either way guard.json tells the examples."""
    on_divergence: Literal["warn", "stop", "rollback"] = "warn"
    """The loss jumps or rises, or the gradient norm explodes: `warn`, `stop` with exit code 3, or
    `rollback` to the last checkpoint from before, at most 3 times, each time with half the learning
    rate. A dead gradient, a plateau and overfitting are told and no more."""
    on_save_error: Literal["stop", "continue"] = "stop"
    """A checkpoint that could not be written: stop, or train on and try the next."""
    report_to: Reporter | list[Reporter] = "none"
    """Where else to send metrics; TensorBoard files and metrics.jsonl are always written."""
    run_name: str | None = None
    """Name of the run in those places; left out, the name of the run folder."""
    project: str = "huggingface"
    """Project of the run (trackio)."""
    trackio_space_id: str | None = None
    """Hub Space that shows the run while it lasts (trackio)."""
    trackio_bucket_id: str | None = None
    """Hub bucket that holds the metrics (trackio)."""
    trackio_static_space_id: str | Literal[False] | None = None
    """Hub Space that shows the ended run (trackio); false: none."""
    hub_private_repo: bool | None = None
    """Whether those Spaces are private; left out, as the organization's default is."""

    @field_validator("logging_steps", "eval_steps", "save_steps")
    @classmethod
    def _cadence(cls, value: float | None, info: ValidationInfo) -> float | None:
        return None if value is None else whole_or_share(str(info.field_name), value)

    @field_validator("report_to")
    @classmethod
    def _none_and_all_alone(cls, value: str | list[str]) -> str | list[str]:
        alone = {"none", "all"}.intersection(value if isinstance(value, list) else ())
        if alone and len(value) > 1:
            raise ValueError(f"train.report_to: `{min(alone)}` stands alone; found {value}")
        return value

    @model_validator(mode="after")
    def _needs_evaluation(self) -> "CadenceSection":
        needy = {
            "early_stopping_patience": self.early_stopping_patience is not None,
            "eval_samples": bool(self.eval_samples),
            "load_best_model_at_end": self.load_best_model_at_end is True,
            "save_strategy": self.save_strategy == "best",
        }
        for key, needs in needy.items():
            if needs and self.eval_strategy == "no":
                raise ValueError(
                    f"train.{key}: needs evaluations; `train.eval_strategy` is no, allowed: "
                    "steps or epoch"
                )
        return self

    @model_validator(mode="after")
    def _rollback_has_checkpoints(self) -> "CadenceSection":
        if self.on_divergence == "rollback" and self.save_strategy == "no":
            raise ValueError(
                "train.on_divergence: rollback needs checkpoints; `train.save_strategy` is no, "
                "allowed: steps, epoch or best"
            )
        return self

    @model_validator(mode="after")
    def _best_is_saved(self) -> "CadenceSection":
        if self.load_best_model_at_end is not True or self.save_strategy == "best":
            return self
        if self.save_strategy != self.eval_strategy:
            raise ValueError(
                "train.save_strategy: with `load_best_model_at_end: true` it must be "
                f"{self.eval_strategy}, as `train.eval_strategy` is, or best; found "
                f"{self.save_strategy}"
            )
        eval_steps, save_steps = self.eval_steps, self.save_steps
        if self.save_strategy != "steps" or eval_steps is None or save_steps is None:
            return self
        # Shares such as 0.1 and 0.3 are not exact in binary: compare in millionths.
        whole = round(save_steps * 1_000_000) % round(eval_steps * 1_000_000) == 0
        if not whole or (save_steps < 1) != (eval_steps < 1):
            raise ValueError(
                "train.save_steps: with `load_best_model_at_end: true` it must be a multiple of "
                f"`train.eval_steps` ({eval_steps:g}), in the same unit; found {save_steps:g}"
            )
        return self
