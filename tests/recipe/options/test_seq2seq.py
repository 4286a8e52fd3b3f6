"""Options of `seq2seq`."""

import pytest
from pydantic import ValidationError

from lmkit.recipe.options import OPTIONS
from lmkit.recipe.options.seq2seq import Seq2SeqOptions


def test_it_is_found_by_its_name() -> None:
    assert OPTIONS["seq2seq"] is Seq2SeqOptions
    assert Seq2SeqOptions.verb == "finetune"


def test_defaults() -> None:
    options = Seq2SeqOptions(name="seq2seq")
    assert (options.source_column, options.target_column) == ("source", "target")
    assert options.metrics == ["rouge", "bleu", "chrf"]
    assert (options.num_beams, options.max_new_tokens) == (None, None)
    assert not options.generate_on_validation


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"metrics": ["bleu", "bleu"]}, r"task\.metrics: `bleu` is named more than once"),
        ({"metrics": []}, "at least 1 item"),
        ({"metrics": ["meteor"]}, r"task\.trust_metric_code: true lets it run"),
        ({"metrics": ["meteor"], "trust_metric_code": True}, "name one of rouge, bleu, chrf"),
        ({"source_column": "a", "target_column": "a"}, "`a` is the source column too"),
        ({"num_beams": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be(given: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Seq2SeqOptions.model_validate({"name": "seq2seq", **given})


def test_metrics_of_lmkit_and_of_others() -> None:
    options = Seq2SeqOptions(name="seq2seq", metrics=["gap", "chrf"], trust_metric_code=True)
    assert options.own_metrics == ["chrf"]
    assert [metric.name for metric in options.outside_metrics] == ["gap"]
