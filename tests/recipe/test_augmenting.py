"""`data.augment`: what is refused, and that a text is changed in some way."""

import pytest
from pydantic import ValidationError

from lmkit.recipe.augmenting import AugmentSection, ProposalSection


@pytest.mark.parametrize("keys", [{}, {"word_swap": 0.0}, {"share": 0.2}])
def test_a_section_that_changes_nothing_is_a_mistake(keys):
    with pytest.raises(ValidationError, match=r"data\.augment: changes nothing; give word_dropout"):
        AugmentSection(**keys)


@pytest.mark.parametrize("keys", [{"typos": 1.0}, {"case": -0.1}, {"share": 0.0, "typos": 0.1}])
def test_probabilities(keys):
    with pytest.raises(ValidationError):
        AugmentSection(**keys)


def test_negations_are_kept_unless_others_are_named():
    assert "not" in AugmentSection(typos=0.1).keep
    assert AugmentSection(typos=0.1, keep=["great"]).keep == ["great"]
    assert AugmentSection(masked_model=ProposalSection(source="x")).masked_model is not None
