"""Metrics that are another's code need a key that says so."""

import pytest

from lmkit.recipe.outside_metrics import check_outside

OWN = ("rouge", "bleu")


@pytest.mark.parametrize(("names", "trusted"), [([], False), (["bleu"], False), (["gap"], True)])
def test_what_may_be(names, trusted):
    check_outside(names, OWN, trusted=trusted)


@pytest.mark.parametrize(
    ("names", "trusted", "told"),
    [
        (["blue"], False, "did you mean `bleu`.*task.trust_metric_code: true lets it run"),
        (["gap", "gap"], True, "`gap` is named more than once"),
        (["rouge"], True, "task.trust_metric_code: no metric in task.metrics brings code"),
    ],
)
def test_what_may_not_be(names, trusted, told):
    with pytest.raises(ValueError, match=told):
        check_outside(names, OWN, trusted=trusted)
