"""A run folder as a run leaves it, made by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmkit.run_folder import RunFolder

MANIFEST = {
    "run_id": "1", "status": "finished", "command": "lmkit finetune topics.yaml -o run",
    "seed": 7, "versions": {"lmkit": "0.1.0", "python": "3.11"},
    "data": {"test": {"sha256": "ab12", "files": [{"path": "test.csv", "bytes": 1234}]}},
    "ledger": {"examples": 10, "parts": [{"name": "a", "share": 0.5}]},
}  # fmt: skip
SUMMARY = {
    "task": "classification", "model": "bert", "split": "test", "step": 4,
    "metrics": {"loss": 0.5, "accuracy": 0.75}, "intervals": {"accuracy": [0.6, 0.85]},
    "baselines": {"majority": {"accuracy": 0.5}}, "counts": {"rows": 40},
    "against_baselines": {"text": "beats the best baseline"}, "definition": "loss: nats a row.",
    "per_class": {"cat": {"f1": 0.7, "support": 20}}, "kept_because": "the best",
    "train": {"steps": 4, "tokens": 100, "seconds": 2.0, "energy_kwh": 0.25},
}  # fmt: skip
LINES = [
    {"step": 2, "epoch": 0.5, "loss": 1.0, "learning_rate": 0.1},
    {"step": 4, "epoch": 1.0, "loss": 0.8, "learning_rate": 0.05},
    {"step": 4, "eval_loss": 0.9, "eval_accuracy": 0.7},
]


@pytest.fixture
def made_run(tmp_path: Path) -> Callable[..., RunFolder]:
    """`made_run(summary=..., details=..., guard=..., lines=...)`: a folder; None leaves one out."""

    def make(**given: Any) -> RunFolder:
        run = RunFolder(tmp_path / str(given.get("name", "run")))
        run.path.mkdir()
        run.recipe.write_text(given.get("recipe", "task: {name: classification}\n"))
        parts = {"manifest": MANIFEST, "summary": SUMMARY, "details": None, "guard": None}
        for name, value in (parts | {k: v for k, v in given.items() if k in parts}).items():
            if value is not None:
                getattr(run, name).write_text(json.dumps(value))
        lines = given.get("lines", LINES)
        run.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return run

    return make
