"""What tests of metrics share: folders of the evaluate library's shape."""

import textwrap
from typing import Any

import pytest

from lmkit.recipe.outside_metrics import OutsideMetric

INT = 'datasets.Value("int32")'


@pytest.fixture
def metric(tmp_path, monkeypatch):
    """`metric("gap", "return {...}", arguments={...})`: a metric whose folder is written."""
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))

    def make(
        name: str, body: str, kind: str = INT, references: str = "", takes: str = "", **given: Any
    ) -> OutsideMetric:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
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

                def _compute(self, predictions, references{takes}):
                    {body}
            """)
        )
        return OutsideMetric(name=str(folder), **given)

    return make
