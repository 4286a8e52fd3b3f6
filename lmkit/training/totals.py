"""What a whole run cost, over interruptions: tokens, steps, training seconds, summed loss."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from lmkit.recipe.cost import CostSection
from lmkit.training.incidents import Incidents
from lmkit.training.meter import Meter


class Totals:
    """Counts of a run that a resume carries on. Seconds leave out evaluation and saving."""

    def __init__(self) -> None:
        self.tokens = 0
        self.steps = 0
        self.loss_sum = 0.0
        self.seconds = 0.0
        self.incidents = Incidents()
        self.meter = Meter(CostSection())
        self._since: float | None = None

    def start(self) -> None:
        """Begin to count seconds."""
        self._since = time.perf_counter()

    def stop(self) -> None:
        """Stop counting seconds."""
        if self._since is not None:
            self.seconds += time.perf_counter() - self._since
            self._since = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time that is not training."""
        running = self._since is not None
        self.stop()
        try:
            yield
        finally:
            if running:
                self.start()

    def add_step(self, tokens: int) -> None:
        """Count an optimizer step and its tokens over all processes."""
        self.tokens += tokens
        self.steps += 1

    def drop_step(self, tokens: int) -> None:
        """Take back a step that could not be made."""
        self.tokens -= tokens
        self.steps -= 1

    def elapsed(self) -> float:
        """Training seconds up to now."""
        running = 0.0 if self._since is None else time.perf_counter() - self._since
        return self.seconds + running

    def state(self, kwh: float = 0.0) -> dict[str, Any]:
        """What a checkpoint keeps.

        Args:
            kwh: energy of this session, summed over machines.
        """
        return {
            "tokens": self.tokens, "steps": self.steps, "loss_sum": self.loss_sum,
            "seconds": self.elapsed(), "incidents": self.incidents.found,
            "meter": self.meter.state(kwh),
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.tokens, self.steps = int(state["tokens"]), int(state["steps"])
        self.loss_sum, self.seconds = float(state["loss_sum"]), float(state["seconds"])
        self.incidents.restore(state["incidents"])
        self.meter.carry(state["meter"])


def peak_memory_mb() -> float:
    """The most memory this process held, in MB (10^6 bytes): of the GPU where there is one."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    if sys.platform == "linux":  # getrusage there counts also what the parent held (exec keeps it)
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere (getrusage(2))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
