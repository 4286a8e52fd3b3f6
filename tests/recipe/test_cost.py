"""What the `cost` section may say, and what would be ignored."""

from pathlib import Path

import pytest

from lmkit.errors import RecipeError
from lmkit.recipe.load import load_recipe


def test_it_is_read(small_recipe: Path) -> None:
    assert not load_recipe(str(small_recipe), ()).cost.energy
    sets = ("cost.energy=true", "cost.country=DEU", "cost.price_per_hour=2.5", "cost.currency=EUR")
    cost = load_recipe(str(small_recipe), sets).cost
    assert (cost.country, cost.price_per_hour, cost.currency) == ("DEU", 2.5, "EUR")


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        (("cost.country=DEU",), "cost.country: only with `cost.energy: true`"),
        (("cost.carbon_intensity=3",), "cost.carbon_intensity: only with `cost.energy: true`"),
        (("cost.pue=1.2",), "cost.pue: only with `cost.energy: true`"),
        (("cost.currency=EUR",), "cost.currency: only with `cost.price_per_hour`"),
        (
            ("cost.energy=true", "cost.country=DEU", "cost.carbon_intensity=3"),
            "cost.country: there is `cost.carbon_intensity`; give one of them",
        ),
        (("cost.enrgy=true",), "did you mean `energy`?"),
        (("cost.energy=true", "cost.country=Germany"), "cost.country"),
        (("cost.price_per_hour=-1",), "cost.price_per_hour"),
    ],
)
def test_nothing_is_ignored(small_recipe: Path, sets: tuple[str, ...], told: str) -> None:
    with pytest.raises(RecipeError) as raised:
        load_recipe(str(small_recipe), sets)
    assert told in str(raised.value)
