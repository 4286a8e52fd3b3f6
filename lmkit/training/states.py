"""What a checkpoint keeps as JSON beside its tensors, held to its form before anything is resumed.

A seal says that files are as they were written, not by whom: a folder of a stranger may be sealed.
"""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from transformers import TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from lmkit.errors import CheckpointError
from lmkit.training.checkpoint import RUN_STATE, step_of

Count = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Incident(_Strict):
    step: int
    kind: str
    action: str


class _Meter(_Strict):
    wall_seconds: Annotated[float, Field(ge=0)]
    energy_kwh: Annotated[float, Field(ge=0)]


class _RunState(_Strict):
    tokens: Count
    steps: Count
    loss_sum: float
    seconds: float
    meter: _Meter
    incidents: list[_Incident]
    pending_loss: Annotated[list[float], Field(min_length=1)]
    last_logged: Count


class _TrainerState(_Strict):
    global_step: Count
    epoch: float | None
    best_metric: float | None
    best_global_step: Count | None
    log_history: list[dict[str, Any]]
    stateful_callbacks: dict[str, dict[str, Any] | list[dict[str, Any]]]


def check_states(folder: Path) -> None:
    """See that the state of the run and Trainer's own are what they are in every checkpoint.

    Raises:
        CheckpointError: a file is no such state; it and what is wrong in it are named.
    """
    for name, form in ((RUN_STATE, _RunState), (TRAINER_STATE_NAME, _TrainerState)):
        try:
            found = form.model_validate(json.loads((folder / name).read_text(encoding="utf-8")))
            if isinstance(found, _TrainerState):
                TrainerState.load_from_json(str(folder / name))  # it takes no key that it lacks
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise _refused(folder, f"{name}: {place}: {first['msg']}") from error
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise _refused(folder, f"{name}: {error}") from error
        if isinstance(found, _TrainerState) and found.global_step != step_of(folder):
            raise _refused(folder, f"{name}: global_step is {found.global_step}")


def _refused(folder: Path, told: str) -> CheckpointError:
    return CheckpointError(
        f"{folder}: its state is not one that lmkit writes ({told[:200]}); go on from another "
        "checkpoint (delete this one), or start anew with --overwrite"
    )
