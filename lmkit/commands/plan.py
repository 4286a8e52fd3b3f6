"""`--dry-run`: everything that can be checked and estimated, with nothing trained or written.

The token cache is read where it is there; else the training text is sampled and counts are scaled
up by its bytes. The time comes from steps that are really taken, on a model that is thrown away.
"""

import itertools
import logging
import math
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from lmkit.commands.look import Look, piped_aside, sampled, whole
from lmkit.commands.rehearse import optimizer_of
from lmkit.commands.resolve import batch_shape
from lmkit.data.cache import CacheMissError
from lmkit.models.device import default_device
from lmkit.models.libraries import quiet_libraries
from lmkit.recipe.sections import Recipe
from lmkit.training.attention import choose_attention
from lmkit.training.batches import BatchShape, Order, train_loader
from lmkit.training.checkpoint import tensor_bytes
from lmkit.training.cost import Estimate, estimate
from lmkit.training.hardware import choose_precision
from lmkit.training.processes import Processes
from lmkit.training.sharding import require_processes, require_shardable

logger = logging.getLogger(__name__)

STEPS = 3  # the first is a warm-up; the fastest of the others counts


@dataclass(frozen=True)
class Plan:
    """What a run would do and cost."""

    task: str
    model: str
    data: dict[str, Any]
    """Training text: bytes, tokens and examples of an epoch; `exact` or from a sample."""
    steps: int
    total_batch_size: int
    epochs: float
    precision: str
    cost: Estimate
    seconds_per_step: float
    price_per_hour: float | None
    currency: str
    output_dir: str
    processes: int
    """Over all machines; `cost` has the bytes of one of them, and the operations of all."""
    runs: int = 1
    """How many such runs (`--seeds`); all other figures are of one."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "seconds": round(self.seconds_per_step * self.steps, 1)}

    def show(self) -> str:
        """For a person."""
        cost, data = self.cost, self.data
        about = "" if data["exact"] else "about "
        memory = {
            "weights": cost.weight_bytes,
            "gradients": cost.gradient_bytes,
            "optimizer": cost.optimizer_bytes,
            "activations": cost.activation_bytes,
        }
        parts = ", ".join(f"{name} {size / 1e6:,.0f} MB" for name, size in memory.items())
        rows = {
            "task": self.task,
            "model": f"{self.model}, {cost.parameters:,} parameters",
            "data": (
                f"{about}{data['tokens']:,} tokens in {about}{data['examples']:,} examples an "
                f"epoch, {data['bytes']:,} bytes of text"
            ),
            "steps": (
                f"{self.steps:,} of {self.total_batch_size} sequences: {self.epochs:.2f} epochs"
                + (f", in {self.processes} processes" if self.processes > 1 else "")
            ),
            "tokens": f"{about}{cost.total_tokens:,}",
            "compute": f"{cost.total_flops:.3g} FLOP, {cost.flops_per_token:,} a token",
            "memory": f"{parts}: {sum(memory.values()) / 1e6:,.0f} MB a process",
            "time": (
                f"{_minutes(self.seconds_per_step * self.steps)} on this machine in "
                f"{self.precision} ({self.seconds_per_step:.3f} s a step, measured)"
            ),
            **self._price(),
            "output": f"{self.output_dir} (nothing was written)",
        }
        if self.runs > 1:
            rows["seeds"] = f"{self.runs} runs, each of which costs what is said here"
        return "\n".join(f"{name:<8} {told}" for name, told in rows.items())

    def _price(self) -> dict[str, str]:
        if self.price_per_hour is None:
            return {}
        price = self.price_per_hour * self.seconds_per_step * self.steps / 3600
        return {"price": f"{price:.2f} {self.currency} for the steps"}


def plan(recipe: Recipe, runs: int = 1, *, processes: int = 1, nodes: int = 1) -> Plan:
    """Check a recipe against its data and model, and reckon what a run of it would cost.

    Args:
        recipe: as it was loaded.
        runs: how many runs there shall be, with a seed each.
        processes: of a run on this machine.
        nodes: machines that have as many.

    Raises:
        LmkitError: whatever would stop the run before its first step.
    """
    require_processes(recipe.train.parallel, processes * nodes)
    quiet_libraries()
    with piped_aside(recipe) as placed:
        try:
            with whole(placed) as found:
                return replace(_reckon(placed, found, processes, nodes), runs=runs)
        except CacheMissError:
            logger.info("the token cache does not hold this data; counting from a sample")
        with sampled(placed) as found:
            return replace(_reckon(placed, found, processes, nodes), runs=runs)


def _reckon(recipe: Recipe, found: Look, processes: int, nodes: int) -> Plan:
    count = found.examples
    shape = batch_shape(recipe, count, processes * nodes)
    tokens = found.tokens
    per_epoch = math.ceil(count / shape.total)
    steps = recipe.train.max_steps
    if steps < 0:
        steps = max(1, math.ceil(recipe.train.num_train_epochs * per_epoch))
    precision = choose_precision(recipe.train.precision).value
    sequence = int(found.train.lengths.max())
    attention = choose_attention(
        recipe.model.attn_implementation, found.model, precision, lambda: (shape.micro, sequence)
    )
    if attention.value is not None:
        found.model.set_attn_implementation(attention.value)
        found.task.prove(found.model)
    cost = estimate(
        found.model, optim=recipe.train.optim, micro_batch=shape.micro, sequence=sequence,
        total_tokens=round(steps / per_epoch * tokens),
    )  # fmt: skip
    seconds, state = _measured(recipe, found, shape, precision, processes)
    cost = replace(cost, optimizer_bytes=tensor_bytes(state))
    if recipe.train.parallel == "fsdp":
        require_shardable(found.model)
        cost = cost.shared(shape.world_size)
    return Plan(
        task=recipe.task.name,
        model=str(recipe.model.source or recipe.model.architecture),
        data={
            "bytes": found.size,
            "tokens": tokens,
            "examples": count,
            "exact": found.scale == 1.0,
        },
        steps=steps,
        total_batch_size=shape.total,
        epochs=steps / per_epoch,
        precision=precision,
        cost=cost,
        seconds_per_step=seconds,
        price_per_hour=recipe.cost.price_per_hour,
        currency=recipe.cost.money,
        output_dir=str(recipe.output_dir),
        processes=shape.world_size,
    )


def _measured(
    recipe: Recipe, found: Look, shape: BatchShape, precision: str, processes: int
) -> tuple[float, dict[str, Any]]:
    """Seconds of one optimizer step, and the optimizer's state after a few.

    The time is that of the fastest micro-batch, times the accumulation. It is measured in this one
    process: what processes say to one another is left out, and on a CPU they share its cores.
    """
    at_once = processes if default_device() == "cpu" else 1
    device, model = default_device(), found.model
    model.to(device).train()  # type: ignore[arg-type]  # its stub knows no string
    found.task.attach(model)
    optimizer = optimizer_of(recipe, model, Processes())
    order = Order(found.train, shape, seed=recipe.train.seed, strategy="random")
    loader = train_loader(found.train, order, found.task.collate)
    lower = getattr(torch, precision)
    best = float("inf")
    for number, batch in enumerate(itertools.islice(itertools.cycle(loader), STEPS)):
        started = time.perf_counter()
        moved = {key: value.to(device) for key, value in batch.items()}
        with torch.autocast(device, dtype=lower, enabled=precision != "float32"):
            loss = found.task.loss(found.task.forward(model, moved), moved)
        (loss / max(found.task.count(moved), 1)).backward()  # type: ignore[no-untyped-call]  # torch's
        update = time.perf_counter()
        optimizer.step()
        optimizer.zero_grad()
        once = time.perf_counter() - update
        if number:
            best = min(best, ((update - started) * shape.accumulation + once) * at_once)
    return best, optimizer.state_dict()


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
