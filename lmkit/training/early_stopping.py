"""Stopping early, over interruptions: Trainer forgets on a resume how long nothing has improved."""

from pathlib import Path
from typing import Any

from transformers import (
    EarlyStoppingCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer import TRAINER_STATE_NAME


class EarlyStopping(EarlyStoppingCallback):
    """Counts evaluations in a row without improvement, and goes on counting after a resume."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take up the count of the checkpoint that is resumed."""
        super().on_train_begin(args, state, control, **kwargs)  # type: ignore[no-untyped-call]
        self.early_stopping_patience_counter = without_improvement(state)


def without_improvement(state: TrainerState) -> int:
    """Evaluations in a row that had not improved when a checkpoint was written."""
    noted: Any = state.stateful_callbacks  # by name, of their state
    own = noted.get(EarlyStopping.__name__, {})
    return int(own.get("attributes", {}).get("early_stopping_patience_counter", 0))


def stopped_at(checkpoint: Path, patience: int | None) -> bool:
    """Whether a run stopped early after the step of this checkpoint, which is whole."""
    if patience is None:
        return False
    state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
    return without_improvement(state) >= patience
