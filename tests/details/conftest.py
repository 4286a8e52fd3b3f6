"""What tests of details share: rows in memory, and a split that was scored without a model."""

from types import SimpleNamespace

import numpy as np
import pytest

from lmkit.data.rows import Row
from lmkit.details.scored import Scored


class Listed:
    """Rows in memory; `passes` counts how often they were read."""

    name = "test"

    def __init__(self, rows):
        self.listed = list(rows)
        self.passes = 0

    def rows(self):
        self.passes += 1
        for number, values in enumerate(self.listed, start=1):
            yield Row(values, f"test.jsonl:{number}")


@pytest.fixture
def listed():
    return Listed


@pytest.fixture
def scored():
    """`scored(task, rows, values)`: as after an evaluation of these rows."""

    def make(task, rows, values, lengths=(), examples=None, **more):
        found = SimpleNamespace(lengths=np.asarray(lengths)) if examples is None else examples
        return Scored(task, rows, Listed(values), found, seed=0, **more)

    return make


@pytest.fixture
def by_name():
    """Details by their names, each only once."""

    def sort(details):
        found = {detail.name: detail for detail in details}
        assert len(found) == len(details)
        return found

    return sort
