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
    low, high = summary["intervals"]["gap"]
    assert low <= gaps / 24 <= high
    assert "./gap (interval by " in summary["definition"]
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert manifest["metric_code"] == {"./gap": sha256_of(Path("gap/gap.py"))}
    plain = cli("eval", "run", "--json")
    assert "gap" not in json.loads(plain.out)["metrics"]
    assert "./gap: left out, for it is code" in plain.err
    trusted = json.loads(cli("eval", "run", "--json", "--trust-metric-code").out)
    assert trusted["metrics"]["gap"] == pytest.approx(summary["metrics"]["gap"])


def test_what_does_not_fit_ends_before_the_first_step(cli, recipe):
    Path("gap/gap.py").write_text(GAP.replace("abs(a - b)", "a @ b"))
    ended = cli("finetune", recipe, "-o", "run", "--dry-run")
    assert ended.code == 2
    assert "task.metrics: ./gap: does not fit this task: TypeError" in ended.err
    assert "Traceback" not in ended.err
    assert not Path("run").exists()


def test_arguments_are_held_against_the_code(cli, recipe):
    given = "--set", "task.metrics=[{name: ./gap, arguments: {powr: 2}}]"
    ended = cli("finetune", recipe, "-o", "run", "--dry-run", *given)
    assert ended.code == 2
    assert "task.metrics: ./gap: takes no `powr`; allowed: nothing" in ended.err


SQUAD = """
import datasets
import evaluate

TEXT = datasets.Value("string")


class Exact(evaluate.Metric):
    def _info(self):
        told = {"id": TEXT, "prediction_text": TEXT}
        right = {"text": TEXT, "answer_start": datasets.Value("int32")}
        wanted = {"id": TEXT, "answers": datasets.Sequence(right)}
        return evaluate.MetricInfo(
            description="", citation="", inputs_description="",
            features=datasets.Features({"predictions": told, "references": wanted}),
        )

    def _compute(self, predictions, references, scale=1.0):
        told = {one["id"]: one["prediction_text"] for one in predictions}
        right = [told[one["id"]] in (one["answers"]["text"] or [""]) for one in references]
        return {"exact_match": scale * sum(right) / len(references)}
"""


@pytest.mark.slow
def test_answers_to_questions_are_given_as_squad_has_them(cli, recipe):
    """The same number, counted by a script that knows the shape of SQuAD alone."""
    Path("exact").mkdir()
    Path("exact/exact.py").write_text(SQUAD)
    names = ("ann", "bob", "eve", "joe")
    rows = [
        {"question": f"who is {kind} ?", "context": f"{one} is {kind} , {other} is not .",
         "answers": {"text": [one], "answer_start": [0]} if known else None}
        for one in names for other in names for kind in ("old", "new") for known in (True, False)
    ]  # fmt: skip
    Path("rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = json.loads(Path("recipe.yaml").read_text())
    metrics = [{"name": "./exact", "arguments": {"scale": 100}}]
    found["task"] = {"name": "qa", "max_length": 32, "metrics": metrics, "trust_metric_code": True}
    found["model"]["config"]["max_position_embeddings"] = 32
    found["train"]["max_steps"] = 20
    Path("recipe.yaml").write_text(json.dumps(found))
    summary = json.loads(cli("finetune", recipe, "-o", "run", "--json").out)
    own, other = (summary["metrics"][key] for key in ("exact_match", "exact_100_exact_match"))
    assert 0 < own < 1
    assert other == pytest.approx(100 * own)
    ends = [100 * end for end in summary["intervals"]["exact_match"]]
    assert summary["intervals"]["exact_100_exact_match"] == pytest.approx(ends, abs=6)
