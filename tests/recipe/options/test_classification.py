"""Options of `classification`."""

from typing import Any

import pytest
from pydantic import ValidationError

from lmkit.recipe.options import OPTIONS
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.recipe.train import TrainSection


def options(**keys: Any) -> ClassificationOptions:
    return ClassificationOptions.model_validate({"name": "classification", **keys})


def test_it_is_found_by_its_name() -> None:
    assert OPTIONS["classification"] is ClassificationOptions
    assert ClassificationOptions.verb == "finetune"


def test_defaults() -> None:
    found = options()
    assert (found.text_column, found.label_column) == ("text", "label")
    assert found.labels is None
    assert (found.problem, found.loss, found.class_weights, found.strata) == (
        "single_label_classification", "cross_entropy", "none", "label",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("single_label", "single_label_classification"),
        ("multi_label", "multi_label_classification"),
        ("multi_label_classification", "multi_label_classification"),
        ("regression", "regression"),
    ],
)
def test_problems_are_named_as_hugging_face_names_them(given: str, meant: str) -> None:
    found = options(problem=given)
    assert found.problem == meant
    assert (found.strata is None) == (meant != "single_label_classification")
    assert options(**found.model_dump()) == found  # as the resolved recipe is read again


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"labels": ["a"]}, "at least 2 items"),
        ({"labels": ["a", "b", "a"]}, r"task\.labels: `a` is named more than once"),
        ({"problem": "multi"}, "single_label_classification"),
        ({"text_pair_column": "text"}, "`text` is text_column already"),
        ({"label_separator": ";"}, "only with `problem: multi_label`"),
        ({"problem": "regression", "labels": ["a", "b"]}, "task.labels: a regression has no"),
        ({"problem": "regression", "loss": "focal"}, "task.loss: a regression has no"),
        (
            {"problem": "regression", "class_weights": "balanced"},
            "task.class_weights: a regression has no",
        ),
        (
            {"labels": ["joy", "fear"], "class_weights": {"joi": 2.0}},
            "`joi` is none of the labels; did you mean `joy`",
        ),
        ({"class_weights": {"joy": 0.0}}, "at least one weight must be above 0"),
        ({"class_weights": {"joy": -1.0}}, "greater than or equal to 0"),
        ({"metrics": ["macro_f1"]}, "`macro_f1` is always told; leave it out"),
        ({"metrics": ["./gap"]}, r"task\.trust_metric_code: true lets it run"),
        ({"trust_metric_code": True}, "no metric in task.metrics brings code"),
    ],
)
def test_what_does_not_fit_is_told(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        options(**keys)


def test_a_regression_smooths_no_labels() -> None:
    smooth = TrainSection(label_smoothing_factor=0.1)
    options().check_train(smooth)
    options(problem="regression").check_train(TrainSection())
    with pytest.raises(ValueError, match=r"train\.label_smoothing_factor: a regression"):
        options(problem="regression").check_train(smooth)
