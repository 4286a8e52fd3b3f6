"""Each cause of failure has the exit code of the contract, and a text that is its own."""

import inspect
import os
import signal

import pytest

from lmkit import errors
from lmkit.errors import (
    GuardStopError,
    InterruptedRunError,
    LmkitError,
    LostProcessError,
    RecipeError,
)

CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if cls.__module__ == errors.__name__
]


@pytest.mark.parametrize("cls", CLASSES)
def test_everything_a_user_can_mend_is_caught_in_one_place(cls: type[Exception]) -> None:
    assert issubclass(cls, LmkitError)
    assert cls.__doc__


def test_exit_codes_are_those_of_the_contract() -> None:
    own = {GuardStopError: 3, InterruptedRunError: None, LostProcessError: os.EX_TEMPFAIL}
    for cls in CLASSES:
        if cls not in own:
            assert cls.exit_code == 2
    assert GuardStopError.exit_code == 3
    assert LostProcessError.exit_code == os.EX_TEMPFAIL
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)):
        assert InterruptedRunError("stopped", number).exit_code == code


def test_a_recipe_tells_all_its_problems_a_line_each() -> None:
    error = RecipeError(["a.yaml:1:1: one", "a.yaml:2:1: two"])
    assert str(error) == "a.yaml:1:1: one\na.yaml:2:1: two"
    assert error.problems == ["a.yaml:1:1: one", "a.yaml:2:1: two"]
