"""Run folders as runs leave them, made by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmkit.evaluation.kept_rows import pack
from lmkit.evaluation.paired import row_units, values
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
DATA = {"test": {"sha256": "ab12" * 16, "files": [{"path": "test.csv"}]}}
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


@pytest.fixture
def scored(made_run):
    """`scored(name, right, ...)`: a run that is right about so many of 100 rows."""

    def make(name: str, right: int, rows: int = 100, **given: Any) -> RunFolder:
        gold = np.arange(rows) % 2
        told = np.where(np.arange(rows) < right, gold, 1 - gold)
        nll = np.where(np.arange(rows) < right, 0.1, 2.0)
        units = row_units({
            "nll": nll.tolist(), "count": [given.get("items", 1)] * rows,
            "gold": gold.tolist(), "predicted": told.tolist(),
        })  # fmt: skip
        task = given.get("task", "classification")
        run = made_run(
            name=name,
            recipe=given.get("recipe", "task: {labels: [a, b]}\ntrain: {seed: 1}\n"),
            summary={
                "task": task, "model": "bert", "split": "test", "step": 1,
                "metrics": values(units, 2), "intervals": {"accuracy": [0.1, 0.9]},
                "per_class": {"a": {}, "b": {}}, "train": {"steps": right, "tokens": 7},
                "main": {"metric": given.get("main", "accuracy"),
                         "greater_is_better": given.get("main", "accuracy") != "loss"},
            },
            manifest={"status": given.get("status", "finished"), "data": given.get("data", DATA),
                      "tokenizer": {"sha256": given.get("tokenizer", "t")}},
        )  # fmt: skip
        run.rows.write_bytes(pack(units) or b"")
        return run

    return make
