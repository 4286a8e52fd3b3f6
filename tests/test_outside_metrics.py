"""A metric of the evaluate library, from the recipe to the summary and `lmkit eval`."""

import json
from pathlib import Path

import pytest

from lmkit.hashing import sha256_of

GAP = """
import datasets
import evaluate


class Gap(evaluate.Metric):
    def _info(self):
        kinds = {"predictions": datasets.Value("int32"), "references": datasets.Value("int32")}
        return evaluate.MetricInfo(
            description="", citation="", inputs_description="", features=datasets.Features(kinds)
        )

    def _compute(self, predictions, references):
        return {"gap": sum(abs(a - b) for a, b in zip(predictions, references)) / len(references)}
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    Path("gap").mkdir()
    Path("gap/gap.py").write_text(GAP)
    texts = [("good fine nice", "a"), ("bad poor sad", "b"), ("so so", "c")] * 8
    lines = (json.dumps({"text": text, "label": label}) for text, label in texts)
    Path("rows.jsonl").write_text("\n".join(lines))
    found = {
        "task": {"name": "classification", "metrics": ["./gap"], "trust_metric_code": True},
        "model": {
            "architecture": "bert",
            "config": {
                "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                "intermediate_size": 16, "max_position_embeddings": 16,
            },
        },
        "tokenizer": {"train": {"type": "wordlevel", "vocab_size": 50}},
        "data": {"train": "rows.jsonl", "validation": "rows.jsonl"},
        "train": {"max_steps": 2, "compile": False, "precision": "float32"},
    }  # fmt: skip
    Path("recipe.yaml").write_text(json.dumps(found))
    return "recipe.yaml"


@pytest.mark.slow
def test_from_the_recipe_to_eval(cli, recipe):
    ended = cli("finetune", recipe, "-o", "run", "--json")
    assert ended.code == 0, ended.err
    assert "the code of the metric ./gap is run" in ended.err
    summary = json.loads(ended.out)
    matrix = next(
        one for one in json.loads(Path("run/details.json").read_text())["details"]
        if one["name"] == "confusion"
    )["rows"]  # fmt: skip
    gaps = sum(abs(i - j) * row[j + 1] for i, row in enumerate(matrix) for j in range(3))
    assert summary["metrics"]["gap"] == pytest.approx(gaps / 24)
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert manifest["metric_code"] == {"./gap": sha256_of(Path("gap/gap.py"))}
    plain = cli("eval", "run", "--json")
    assert "gap" not in json.loads(plain.out)["metrics"]
    assert "./gap: left out, for it is code" in plain.err
    trusted = json.loads(cli("eval", "run", "--json", "--trust-metric-code").out)
    assert trusted["metrics"]["gap"] == pytest.approx(summary["metrics"]["gap"])


def test_what_does_not_fit_ends_before_the_first_step(cli, recipe):
    Path("gap/gap.py").write_text(GAP.replace("abs(a - b)", "a @ b"))
    ended = cli("finetune", recipe, "-o", "run")
    assert ended.code == 2
    assert "task.metrics: ./gap: does not fit this task: TypeError" in ended.err
    assert "Traceback" not in ended.err
    assert not Path("run/model").exists()
