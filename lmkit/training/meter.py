"""What a run takes of the clock and of the grid, from start to end, over interruptions.

Energy is codecarbon's (Lacoste et al. 2019, arXiv:1910.09700): read from the counters of processor
(RAPL) and GPUs (NVML) where that is permitted, else estimated from the load and the processor's
thermal design power. Each machine of a run measures itself.
"""

import importlib
import logging
import os
import time
from collections.abc import Mapping
from typing import Any

from lmkit.errors import UsageError, require_extra
from lmkit.recipe.cost import CostSection
from lmkit.recipe.nearest import did_you_mean

GRAMS = 1000.0  # in a kg
_NEEDED = ("cost.energy", "codecarbon", "energy")


class Meter:
    """Counts from when it is made; of several processes on a machine the first measures."""

    def __init__(self, cost: CostSection) -> None:
        """Begin.

        Raises:
            MissingExtraError: energy is asked for, and codecarbon is absent.
            UsageError: there is no such country; the nearest is named.
        """
        self.cost = cost
        self.intensity = _intensity(cost)
        """Grams of CO2 equivalents a kWh, where they are known."""
        self._began = time.perf_counter()
        self._earlier: tuple[float, float] | None = None
        first_here = os.environ.get("LOCAL_RANK", "0") == "0"
        self._tracker = _tracker() if cost.energy and first_here else None
        self._ended = False

    def __enter__(self) -> "Meter":
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop measuring, however the run ends: codecarbon measures in a thread of its own."""
        self.end()

    def carry(self, state: Mapping[str, Any]) -> None:
        """Go on from what earlier sessions took, as a checkpoint has it; a rollback is none."""
        if self._earlier is None:
            self._earlier = float(state["wall_seconds"]), float(state["energy_kwh"])

    @property
    def wall_seconds(self) -> float:
        """Seconds of all sessions, each from its start."""
        return self._of_earlier[0] + time.perf_counter() - self._began

    def own_kwh(self) -> float:
        """What this machine has used in this session; 0 where this process does not measure."""
        return 0.0 if self._tracker is None else self._tracker.kwh() * self.cost.pue

    def state(self, kwh: float) -> dict[str, float]:
        """What a checkpoint keeps.

        Args:
            kwh: of this session, summed over machines.
        """
        return {"wall_seconds": self.wall_seconds, "energy_kwh": self._of_earlier[1] + kwh}

    def told(self, kwh: float) -> dict[str, Any]:
        """For the summary: `wall_seconds`, and `energy_kwh`, `co2_kg`, `cost` where asked for."""
        found: dict[str, Any] = dict(self.state(kwh))
        if not self.cost.energy:
            del found["energy_kwh"]
        elif self._tracker is not None:
            found["energy_source"] = self._tracker.source
        if self.intensity is not None:
            found["co2_kg"] = found["energy_kwh"] * self.intensity / GRAMS
        if self.cost.price_per_hour is not None:
            found["cost"] = found["wall_seconds"] / 3600 * self.cost.price_per_hour
            found["currency"] = self.cost.money
        return found

    def end(self) -> None:
        """Stop measuring; a second time does nothing."""
        if self._tracker is not None and not self._ended:
            self._tracker.stop()
        self._ended = True

    @property
    def _of_earlier(self) -> tuple[float, float]:
        return self._earlier or (0.0, 0.0)


class _Tracker:
    """codecarbon's tracker, which asks no network, writes no file and says nothing."""

    def __init__(self) -> None:
        library: Any = importlib.import_module("codecarbon")
        outputs: Any = importlib.import_module("codecarbon.output_methods.base_output")
        kept: list[Any] = []

        class Keep(outputs.BaseOutput):  # type: ignore[misc] # Any, where the extra is absent
            """Where codecarbon puts what it has measured."""

            def out(self, total: Any, delta: Any) -> None:  # noqa: ARG002 - their signature
                """Take it."""
                kept[:] = [total]

            def live_out(self, total: Any, delta: Any) -> None:
                """The same, now and then."""
                self.out(total, delta)

        self._kept = kept
        theirs = logging.getLogger("codecarbon")
        theirs.setLevel(logging.ERROR)
        self._theirs = library.OfflineEmissionsTracker(
            country_iso_code="USA", force_carbon_intensity_g_co2e_kwh=1.0,  # not asked for
            output_methods=[], log_level="error", allow_multiple_runs=True,
            output_handlers=[Keep()],
        )  # fmt: skip
        self._theirs.start()
        self._theirs.flush()
        if not kept:  # it keeps its errors to itself
            self.stop()
            raise UsageError("cost.energy: codecarbon cannot measure this machine; leave it out")
        hardware = [str(part) for part in self._theirs._conf.get("hardware", [])]
        self.source = f"codecarbon: {', '.join(hardware)}"

    def kwh(self) -> float:
        """Until now."""
        self._theirs.flush()
        return float(self._kept[0].energy_consumed)

    def stop(self) -> None:
        self._theirs.stop()


def _tracker() -> _Tracker:
    require_extra(*_NEEDED)
    return _Tracker()


def _intensity(cost: CostSection) -> float | None:
    if cost.carbon_intensity is not None or cost.country is None:
        return cost.carbon_intensity
    require_extra(*_NEEDED)
    source: Any = importlib.import_module("codecarbon.input")
    table = source.DataSource().get_global_energy_mix_data()
    if cost.country not in table:
        hint = did_you_mean(cost.country, list(table))
        raise UsageError(f"cost.country: codecarbon knows no {cost.country!r}{hint}")
    return float(table[cost.country]["carbon_intensity"])
