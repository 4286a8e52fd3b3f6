"""Metrics that are another's code need a key that says so."""

import pytest

from lmkit.errors import RecipeError
from lmkit.recipe.outside_metrics import MeasuredOptions, OutsideMetric, check_outside
from lmkit.recipe.parse import dump_recipe, parse_recipe

OWN = ("rouge", "bleu")


def test_a_mapping_has_arguments_and_is_never_lmkit_s_own():
    one = OutsideMetric(name="rouge", arguments={"rouge_types": ["rouge1"], "use_stemmer": True})
    assert one.arguments == {"rouge_types": ["rouge1"], "use_stemmer": True}
    assert one.label == "rouge (rouge_types=['rouge1'], use_stemmer=True)"
    options = MeasuredOptions(name="any", metrics=["gap", one], trust_metric_code=True)
    assert options.outside_metrics == (OutsideMetric(name="gap"), one)
    assert options.own_metrics == []
    again = MeasuredOptions.model_validate(options.model_dump())
    assert again == options
    with pytest.raises(ValueError, match="`predictions` of rouge are not for a recipe"):
        OutsideMetric(name="rouge", arguments={"predictions": [1]})
    with pytest.raises(ValueError, match="did you mean `rouge`"):
        check_outside([OutsideMetric(name="rougé")], OWN, trusted=False)


def test_one_metric_may_be_called_in_several_ways():
    ways = [OutsideMetric(name="f1", arguments={"average": way}) for way in ("macro", "micro")]
    check_outside(ways, OWN, trusted=True)
    with pytest.raises(ValueError, match=r"`f1 \(average=macro\)` is named more than once"):
        check_outside([*ways, ways[0]], OWN, trusted=True)


def test_what_a_recipe_says_of_them_is_read_and_told():
    start = "task: {name: ner, trust_metric_code: true, metrics: ["
    rest = "]}\nmodel: {architecture: bert}\ntokenizer: {train: {type: wordlevel}}\n"
    rest += "data: {train: a.conll}\n"
    recipe = parse_recipe(
        f"{start}{{name: ./seqeval, arguments: {{mode: strict, beta: 1.0}}}}{rest}", "a.yaml"
    )
    assert parse_recipe(dump_recipe(recipe), "b.yaml") == recipe
    for given, told in (
        ("{}", r"a.yaml:1:54: task.metrics.0.name: missing; allowed: text"),
        ("{name: ./a, argument: {}}", "unknown key; did you mean `arguments`"),
        ("{name: ./a, arguments: 3}", "task.metrics.0.arguments: found 3; allowed: a mapping"),
        ("5", "task.metrics.0: found 5; allowed: text .* or a mapping"),
        ("f1", "`f1` is always told; leave it out"),
    ):
        with pytest.raises(RecipeError, match=told):
            parse_recipe(f"{start}{given}{rest}", "a.yaml")


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
