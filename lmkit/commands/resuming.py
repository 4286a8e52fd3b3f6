"""A run that goes on: the batch it keeps, and what is said of what is not as it was.

What a resume refuses is in `lmkit.commands.resolve`; this is about what may change.
"""

from collections.abc import Mapping
from typing import Any

from lmkit.recipe.sections import Recipe

# The same examples in each step, but sums in another order.
LAST_BITS = ("per_device_train_batch_size", "deterministic", "tf32", "use_liger_kernel")
MACHINE = {
    "world_size": "processes",
    "threads": "threads",
    "processor": "processor",
    "gpus": "GPUs",
}


def keep_batch(recipe: Recipe, earlier: Recipe, manifest: Mapping[str, Any]) -> Recipe:
    """The recipe with the batch of its run, where it says none and only the processes are others.

    Args:
        recipe: as the user wrote it.
        earlier: the resolved recipe of the run.
        manifest: of the run.
    """
    train, total = recipe.train, earlier.train.total_batch_size
    asked = train.per_device_train_batch_size * train.gradient_accumulation_steps
    had = {asked * int(session["world_size"]) for session in manifest.get("sessions", [])}
    if train.total_batch_size is not None or total not in had:
        return recipe
    return recipe.model_copy(update={"train": train.model_copy(update={"total_batch_size": total})})


def changes(
    earlier: Recipe, now: Recipe, manifest: Mapping[str, Any], machine: Mapping[str, Any]
) -> list[str]:
    """What to say of a resume that differs from its run in what may change.

    Args:
        earlier: the resolved recipe of the run.
        now: that of this command.
        manifest: of the run; its last session is compared.
        machine: what the manifest will say of this session.

    Returns:
        A line that lists what makes the result differ in its last bits, and one about the
        schedule; neither where nothing changed.
    """
    found = {
        f"train.{key}": (getattr(earlier.train, key), getattr(now.train, key)) for key in LAST_BITS
    }
    last = (manifest.get("sessions") or [{}])[-1]
    found |= {name: (last[key], machine[key]) for key, name in MACHINE.items() if key in last}
    told = [f"{name}: was {was}, is {is_}" for name, (was, is_) in found.items() if was != is_]
    lines = []
    if told:
        lines.append(
            f"{'; '.join(told)}: each step takes the same examples, but this is not bit for bit "
            "the run that was not interrupted"
        )
    was, is_ = earlier.train.max_steps, now.train.max_steps
    if was != is_:
        lines.append(
            f"train.max_steps: was {was}, is {is_}: the schedule of the learning rate is computed "
            f"anew for {is_} steps"
        )
    return lines
