"""Options of `preference`."""

import pytest
from pydantic import ValidationError

from lmkit.recipe.options import OPTIONS
from lmkit.recipe.options.preference import PreferenceOptions


def test_defaults_are_those_of_the_paper() -> None:
    options = PreferenceOptions(name="preference")
    assert OPTIONS["preference"] is PreferenceOptions
    assert (options.beta, options.loss_type, options.reference) == (0.1, "sigmoid", "model")


def test_beta_is_above_zero() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        PreferenceOptions(name="preference", beta=0.0)


def test_an_objective_that_there_is_not() -> None:
    with pytest.raises(ValidationError, match="'sigmoid', 'ipo' or 'hinge'"):
        PreferenceOptions(name="preference", loss_type="dpo")  # type: ignore[arg-type]
