"""The code of metrics: opened, tried with its arguments, and told in one line where it fails."""

from pathlib import Path

import pytest

from lmkit.errors import UsageError
from lmkit.evaluation.outside_code import MetricCode, code_hashes, is_path
from lmkit.hashing import sha256_of
from lmkit.recipe.outside_metrics import OutsideMetric

GAP = 'return {"gap": sum(abs(a - b) for a, b in zip(predictions, references))}'
TEXT = 'datasets.Value("string")'


def test_a_folder_is_opened_and_its_script_is_known_by_its_content(metric) -> None:
    made = metric("gap", GAP)
    assert MetricCode(made).measured([0, 2, 1], [0, 0, 0]) == {"gap": 3.0}
    hashes = {made.name: sha256_of(Path(made.name) / "gap.py"), "org/hub": None}
    assert code_hashes([made.name, "org/hub"]) == hashes
    assert is_path(made.name)
    assert not is_path("org/hub")


def test_arguments_reach_the_code_and_are_part_of_its_name(metric) -> None:
    body = "return {'x': len(references) * power}"
    code = MetricCode(metric("times", body, takes=", power=1", arguments={"power": 3}))
    code.prove([0], [0])
    assert code.measured([0, 1], [0, 1]) == {"x": 6.0}
    assert code.stem == "times_3"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"powr": 3}, r"takes no `powr`; did you mean `power`\?; allowed: power"),
        ({"power": "x"}, "does not fit this task: TypeError"),
    ],
)
def test_arguments_that_do_not_fit_are_told_before_the_first_step(metric, given, told) -> None:
    code = MetricCode(
        metric("times", "return {'x': 1 + power}", takes=", power=1", arguments=given)
    )
    with pytest.raises(UsageError, match=told):
        code.prove([0], [0])


def test_a_metric_may_take_any_argument(metric) -> None:
    code = MetricCode(
        metric("any", "return {'x': more['a']}", takes=", **more", arguments={"a": 2})
    )
    code.prove([0], [0])
    assert code.measured([0], [0]) == {"x": 2.0}


def test_which_of_its_kinds(metric) -> None:
    code = MetricCode(metric("kinds", "return {self.config_name: 1}", config_name="odd"))
    assert code.measured([0], [0]) == {"odd": 1.0}


@pytest.mark.parametrize(
    ("references", "wanted"), [(TEXT, 1.0), (f"datasets.Sequence({TEXT})", 2.0)]
)
def test_texts_against_one_or_several(metric, references, wanted) -> None:
    body = 'return {"right": sum(a in b for a, b in zip(predictions, references))}'
    code = MetricCode(metric("right", body, TEXT, references))
    assert code.measured(["one", "two"], [["one"], ["three", "two"]]) == {"right": wanted}


def test_answers_with_names_have_those_that_it_knows(metric) -> None:
    kind = f'{{"id": {TEXT}, "prediction_text": {TEXT}}}'
    code = MetricCode(metric("named", "return {'x': len(predictions[0])}", kind))
    told = [{"id": "0", "prediction_text": "a", "no_answer_probability": 0.5}]
    assert code.measured(told, [{"id": "0", "prediction_text": "a"}]) == {"x": 2.0}


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        (
            'raise ValueError("average=binary\\n no")', 'datasets.Value("int32")',
            "does not fit this task: ValueError: av",
        ),
        ('return {"all": [1, 2]}', 'datasets.Value("int32")', "gives no number"),
        ("return 3", 'datasets.Value("int32")', "gives int, not numbers by name"),
        ('return {"x": 1}', 'datasets.Sequence(datasets.Value("float32"))', "does not fit"),
        ("raise SystemExit(0)", 'datasets.Value("int32")', "does not fit this task: SystemExit"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_in_one_line(metric, body, kind, told) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        MetricCode(metric("odd", body, kind)).prove([0, 1, 2], [0, 1, 2])
    assert str(caught.value).startswith("task.metrics: ")
    assert "\n" not in str(caught.value)


def test_what_it_prints_is_no_result(metric, capsys) -> None:
    MetricCode(metric("loud", "print('here'); return {'x': 1}")).prove([0], [0])
    found = capsys.readouterr()
    assert (found.out, "here" in found.err) == ("", True)


def test_folders_and_names_that_are_not_there(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    for name, told in (
        (str(tmp_path / "empty"), "there is no script .*empty.py"),
        ("./absent", "there is no script absent"),
        ("no such metric", "neither a folder nor a name on the hub"),
        ("nobody/nothing-at-all", "the hub has no such metric or cannot be reached"),
    ):
        with pytest.raises(UsageError, match=told):
            MetricCode(OutsideMetric(name=name)).prove([0], [0])
