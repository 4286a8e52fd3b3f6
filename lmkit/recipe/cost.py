"""The `cost` section: what a run uses and costs, for its summary. It changes no result."""

from pydantic import Field, model_validator

from lmkit.recipe.base import Section


class CostSection(Section):
    """Energy, carbon and money, told in the summary of the run."""

    energy: bool = False
    """Measure the energy of the machine while the run lasts, through codecarbon: counters of the
    processor and of NVIDIA GPUs where they can be read, else an estimate from the load. Needs the
    extra `energy`."""
    country: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    """Where the electricity comes from, as ISO 3166 has it (`DEU`), for the carbon of a kWh (the
    yearly mean, from codecarbon's table); nothing is asked of the network."""
    carbon_intensity: float | None = Field(default=None, ge=0.0)
    """Grams of CO2 equivalents a kWh, where you know better."""
    pue: float = Field(default=1.0, ge=1.0)
    """Energy of the whole data center over that of its computers, by which theirs is multiplied."""
    price_per_hour: float | None = Field(default=None, ge=0.0)
    """What all machines of the run cost an hour, from start to end of the command."""
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    """Of that price, as ISO 4217 has it; left out, USD."""

    @property
    def money(self) -> str:
        """The currency of the price."""
        return self.currency or "USD"

    @model_validator(mode="after")
    def _nothing_ignored(self) -> "CostSection":
        if self.country is not None and self.carbon_intensity is not None:
            raise ValueError("cost.country: there is `cost.carbon_intensity`; give one of them")
        for key in ("country", "carbon_intensity"):
            if getattr(self, key) is not None and not self.energy:
                raise ValueError(f"cost.{key}: only with `cost.energy: true`")
        if self.pue != 1.0 and not self.energy:
            raise ValueError("cost.pue: only with `cost.energy: true`")
        if self.currency is not None and self.price_per_hour is None:
            raise ValueError("cost.currency: only with `cost.price_per_hour`")
        return self
