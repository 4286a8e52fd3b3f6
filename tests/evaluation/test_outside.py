"""Metrics of the evaluate library: opened, tried, and told in one line where they fail."""

import logging
import textwrap

import pytest

from lmkit.errors import UsageError
from lmkit.evaluation.outside import TRIED_TEXTS, OutsideMetrics, code_hashes
from lmkit.evaluation.regression import Regression
from lmkit.evaluation.single_label import SingleLabel
from lmkit.hashing import sha256_of

INT = 'datasets.Value("int32")'
FLOAT = 'datasets.Value("float64")'
TEXT = 'datasets.Value("string")'


@pytest.fixture
def metric(tmp_path, monkeypatch):
    """`metric("gap", "return {...}")`: the folder of a metric."""
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))

    def make(name, body, kind=INT, references=None):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.py").write_text(
            textwrap.dedent(f"""
            import datasets
            import evaluate


            class Made(evaluate.Metric):
                def _info(self):
                    return evaluate.MetricInfo(
                        description="", citation="", inputs_description="",
                        features=datasets.Features(
                            {{"predictions": {kind}, "references": {references or kind}}}
                        ),
                    )

                def _compute(self, predictions, references):
                    {body}
            """)
        )
        return str(folder)

    return make


GAP = 'return {"gap": sum(abs(a - b) for a, b in zip(predictions, references)), "loss": 7}'


def test_numbers_of_a_folder(metric):
    name = metric("gap", GAP)
    found = OutsideMetrics([name]).numbers([0, 2, 1], [0, 0, 0], {"loss": 0.5})
    assert found == {"gap": 3.0, "gap_loss": 7.0}
    assert code_hashes([name, "org/hub"]) == {
        name: sha256_of(__import__("pathlib").Path(name) / "gap.py"),
        "org/hub": None,
    }


def test_labels_and_numbers_get_them(metric):
    outside = OutsideMetrics([metric("gap", GAP, FLOAT)])
    problem = SingleLabel(["a", "b"], outside)
    problem.prove()
    rows = {
        "nll": [1.0, 1.0], "count": [1, 1], "gold": [0, 1], "predicted": [1, 1],
        "odds": [[-1.0, 1.0], [-1.0, 1.0]],
    }  # fmt: skip
    assert problem.metrics(rows)["gap"] == 1.0
    assert "without an interval" in problem.definition()
    number = Regression("score", outside)
    number.prove()
    rows = {"nll": [1.0, 4.0], "count": [1, 1], "gold": [0.0, 2.0], "predicted": [1.0, 4.0]}
    assert number.metrics(rows)["gap"] == 3.0


@pytest.mark.parametrize(
    ("references", "wanted"), [(TEXT, 1.0), (f"datasets.Sequence({TEXT})", 2.0)]
)
def test_texts_against_one_or_several(metric, references, wanted):
    body = 'return {"right": sum(a in b for a, b in zip(predictions, references))}'
    outside = OutsideMetrics([metric("right", body, TEXT, references)])
    outside.prove(*TRIED_TEXTS)
    found = outside.numbers(["one", "two"], [["one"], ["three", "two"]], {})
    assert found == {"right": wanted}


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        ('raise ValueError("average=binary\\n no")', INT, "does not fit this task: ValueError: av"),
        ('return {"all": [1, 2]}', INT, "gives no number"),
        ("return 3", INT, "gives int, not numbers by name"),
        ('return {"x": 1}', 'datasets.Sequence(datasets.Value("float32"))', "does not fit"),
        ("raise SystemExit(0)", INT, "does not fit this task: SystemExit"),
    ],
)
def test_what_does_not_fit_is_told_before_the_first_step(metric, body, kind, told):
    outside = OutsideMetrics([metric("odd", body, kind)])
    with pytest.raises(UsageError, match=told) as caught:
        outside.prove([0, 1, 2], [0, 1, 2])
    assert str(caught.value).startswith("task.metrics: ")
    assert "\n" not in str(caught.value)


def test_a_metric_that_fails_at_the_end_is_left_out(metric, caplog):
    outside = OutsideMetrics([metric("odd", "return {'x': 1 / references[0]}")])
    with caplog.at_level(logging.WARNING):
        assert outside.numbers([1], [0], {}) == {}
    assert "fails on this data: ZeroDivisionError" in caplog.text
    assert "it is left out" in caplog.text


def test_folders_and_names_that_are_not_there(tmp_path):
    (tmp_path / "empty").mkdir()
    for name, told in (
        (str(tmp_path / "empty"), "there is no script .*empty.py"),
        ("./absent", "there is no script absent"),
        ("no such metric", "neither a folder nor a name on the hub"),
        ("nobody/nothing-at-all", "the hub has no such metric or cannot be reached"),
    ):
        with pytest.raises(UsageError, match=told):
            OutsideMetrics([name]).prove([0], [0])
