"""The part of the `train` section that decides what is learned: batches, steps, optimizer."""

from typing import Any

from pydantic import Field, field_validator, model_validator

from lmkit.recipe.base import Section
from lmkit.recipe.train_names import OptimizerName, SchedulerName

_PROJECTING = ("galore_", "apollo_")  # the optimizers that train chosen modules by projection
_EVALUATING = ("reduce_lr_on_plateau", "greedy")  # schedules that follow the evaluation


class OptimizationSection(Section):
    """Length of training, batch, learning rate, optimizer, regularization and seeds."""

    num_train_epochs: float = Field(default=3.0, gt=0.0)
    """Passes over the training data; a fraction is a part of a pass. See `max_steps`."""
    max_steps: int = Field(default=-1, ge=-1)
    """Optimizer steps; -1: as many as `num_train_epochs` needs, else this decides alone."""
    total_batch_size: int | None = Field(default=None, ge=1)
    """Sequences of one optimizer step, over all processes and accumulation; it sets
    `gradient_accumulation_steps`. Left out, the batch is what the other two keys make it."""
    per_device_train_batch_size: int = Field(default=8, ge=1)
    """Sequences of one forward pass on one device: as many as its memory holds."""
    gradient_accumulation_steps: int = Field(default=1, ge=1)
    """Forward passes whose gradients are summed to one optimizer step."""
    learning_rate: float = Field(default=5e-5, ge=0.0)
    """Peak learning rate, per step."""
    layerwise_lr_decay: float | None = Field(default=None, gt=0.0, le=1.0)
    """The learning rate of each layer, times that of the one above it (Clark et al. 2020, ELECTRA,
    appendix A, arXiv:2003.10555: 0.8); the head has the full one. Left out, all learn alike."""
    lr_scheduler_type: SchedulerName = "linear"
    """How the learning rate goes from its peak to the last step."""
    lr_scheduler_kwargs: dict[str, Any] | None = None
    """Further arguments of the schedule, such as `min_lr_rate: 0.1` of `cosine_with_min_lr`."""
    warmup_steps: float = Field(default=0.0, ge=0.0)
    """Steps in which the learning rate rises from 0 to its peak; below 1 a share of all steps."""
    optim: OptimizerName = "adamw_torch_fused"
    """The optimizer. `muon`: Muon on the hidden matrices, AdamW on the rest, one learning rate."""
    optim_args: str | None = None
    """Further arguments of the optimizer, `key=value,key=value`: `momentum=0.9` for `sgd`."""
    optim_target_modules: str | list[str] | None = None
    """The modules that GaLore and APOLLO project: names, a pattern, or `all-linear`."""
    weight_decay: float = Field(default=0.0, ge=0.0)
    """Share of each weight matrix taken off per unit of learning rate; never biases or norms."""
    adam_beta1: float = Field(default=0.9, ge=0.0, lt=1.0)
    """Decay of Adam's running mean of gradients, per step."""
    adam_beta2: float = Field(default=0.999, ge=0.0, lt=1.0)
    """Decay of Adam's running mean of squared gradients, per step."""
    adam_epsilon: float = Field(default=1e-8, ge=0.0)
    """Added to the divisor of Adam's step."""
    max_grad_norm: float = Field(default=1.0, ge=0.0)
    """Gradients are scaled down to this norm (L2, over all parameters); 0: never."""
    label_smoothing_factor: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the target spread over all classes, in the training loss only."""
    neftune_noise_alpha: float | None = Field(default=None, gt=0.0)
    """Strength of the noise on the embeddings in training (NEFTune; 5 to 15); left out, none."""
    seed: int = Field(default=42, ge=0, lt=2**32)
    """Seed of everything random: new weights, dropout, masks, the order of the data."""
    data_seed: int | None = Field(default=None, ge=0, lt=2**32)
    """Seed of the order of the data alone; left out, `seed`."""

    @field_validator("max_steps")
    @classmethod
    def _some_steps(cls, value: int) -> int:
        if value == 0:
            raise ValueError("train.max_steps: found 0; allowed: -1 (not set), or at least 1")
        return value

    @field_validator("warmup_steps")
    @classmethod
    def _warmup(cls, value: float) -> float:
        return whole_or_share("warmup_steps", value)

    @field_validator("optim_args")
    @classmethod
    def _pairs(cls, value: str | None) -> str | None:
        keys = []
        for pair in value.split(",") if value is not None else ():
            key, equals, text = (part.strip() for part in pair.partition("="))
            if not key.isidentifier() or not equals or not text or "=" in text:
                raise ValueError(
                    f"train.optim_args: found {pair.strip()!r}; allowed: key=value pairs with "
                    "commas between them, such as `momentum=0.9,nesterov=true`"
                )
            if key in keys:
                raise ValueError(f"train.optim_args: `{key}` is given twice")
            keys.append(key)
        return value

    @model_validator(mode="after")
    def _one_batch(self) -> "OptimizationSection":
        given = "gradient_accumulation_steps" in self.model_fields_set
        if self.total_batch_size is not None and given and self.gradient_accumulation_steps != 1:
            raise ValueError(
                "train.gradient_accumulation_steps: leave it out, for it follows from "
                "`train.total_batch_size`"
            )
        return self

    @model_validator(mode="after")
    def _groups_of_its_own(self) -> "OptimizationSection":
        own = self.optim == "muon" or self.optim.startswith(_PROJECTING)
        if own and self.layerwise_lr_decay is not None:
            raise ValueError(
                f"train.layerwise_lr_decay: `optim: {self.optim}` parts the parameters by itself; "
                "leave one of the two out"
            )
        return self

    @model_validator(mode="after")
    def _target_modules(self) -> "OptimizationSection":
        projects = self.optim.startswith(_PROJECTING)
        if projects and self.optim_target_modules is None:
            raise ValueError(
                f"train.optim_target_modules: `optim: {self.optim}` needs it; `all-linear` is "
                "every linear layer"
            )
        if self.optim_target_modules is not None and not projects:
            raise ValueError(
                "train.optim_target_modules: only with a GaLore or APOLLO optimizer in "
                f"`train.optim`; found {self.optim}"
            )
        return self

    @property
    def order_seed(self) -> int:
        """What the order of the data and the masks depend on."""
        return self.seed if self.data_seed is None else self.data_seed

    @property
    def schedule_needs_evaluation(self) -> bool:
        """Whether the learning rate follows an evaluated metric."""
        return self.lr_scheduler_type in _EVALUATING


def whole_or_share(key: str, value: float) -> float:
    """Steps: below 1 a share of the run, from 1 a whole number.

    Raises:
        ValueError: a number such as 2.5, which is neither.
    """
    if value >= 1 and value != int(value):
        raise ValueError(
            f"train.{key}: found {value}; allowed: a whole number of steps, or a share of the run "
            "below 1"
        )
    return value
