"""The nearest name."""

import pytest

from lmkit.recipe.nearest import did_you_mean, nearest

OPTIMIZERS = ["adam", "muon", "adamw_torch", "adamw_torch_fused", "sgd", "adagrad"]


@pytest.mark.parametrize(
    ("found", "meant"),
    [
        ("adamw", "adamw_torch"),
        ("Adam", "adam"),
        ("adamw-torch-fused", "adamw_torch_fused"),
        ("adagard", "adagrad"),
        ("mun", "muon"),
        ("zzz", None),
        ("", None),
    ],
)
def test_the_nearest_name(found: str, meant: str | None) -> None:
    assert nearest(found, OPTIMIZERS) == meant


def test_an_endless_name_costs_no_time() -> None:
    assert nearest("adamw_torch" * 100_000, OPTIMIZERS) is None


def test_the_clause() -> None:
    assert did_you_mean("adagard", OPTIMIZERS) == "; did you mean `adagrad`?"
    assert did_you_mean("zzz", OPTIMIZERS) == ""
