"""`train.parallel: fsdp`, end to end: what ddp learns, in parts that resume to the bit."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

STILL = [f"--set=model.config.{name}_pdrop=0.0" for name in ("resid", "embd", "attn")]


def lines(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_it_learns_what_ddp_learns_and_resumes_to_the_bit(run_cli, cli, small_recipe, tmp_path):
    words = ["pretrain", small_recipe, "--processes", "2", *STILL, "--set=train.max_steps=8"]
    words += ["--set=train.optim=sgd", "--set=train.learning_rate=0.5", "--json"]
    ddp = run_cli(*words, "-o", "ddp")
    sharded = run_cli(*words, "-o", "fsdp", "--set=train.parallel=fsdp")
    assert ddp.code == sharded.code == 0, sharded.err
    assert "parameters are shared by 2 processes" in sharded.err
    assert "Warning" not in sharded.err
    plain, parts = json.loads(ddp.out), json.loads(sharded.out)
    assert parts["metrics"] == pytest.approx(plain["metrics"], rel=1e-6)
    for one, two in zip(lines(tmp_path / "ddp"), lines(tmp_path / "fsdp"), strict=True):
        for key in {"loss", "eval_loss", "grad_norm", "tokens"} & set(one):
            assert two[key] == pytest.approx(one[key], rel=1e-6)
    wanted = load_file(tmp_path / "ddp/model/model.safetensors")
    found = load_file(tmp_path / "fsdp/model/model.safetensors")
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        assert (value - wanted[name]).abs().max() < 1e-6

    parts_are_a_model(cli, tmp_path / "fsdp", tmp_path / "exported", parts)

    shutil.copytree(tmp_path / "fsdp", tmp_path / "again")
    for gone in ("model", "checkpoints/checkpoint-8"):
        shutil.rmtree(tmp_path / "again" / gone)
    (tmp_path / "again/summary.json").unlink()
    refused = cli("pretrain", small_recipe, *words[4:], "-o", "again", "--resume")
    assert refused.code == 2
    assert "was written with train.parallel: fsdp, and cannot be resumed with ddp" in refused.err
    resumed = run_cli(*words, "-o", "again", "--resume", "--set=train.parallel=fsdp")
    assert resumed.code == 0, resumed.err
    model = "model/model.safetensors"
    assert (tmp_path / "again" / model).read_bytes() == (tmp_path / "fsdp" / model).read_bytes()


def parts_are_a_model(cli, run: Path, exported: Path, summary: dict[str, Any]) -> None:
    """The last checkpoint is scored as the model is, and is given away as one."""
    last = str(run / "checkpoints/checkpoint-8")
    scored = cli("eval", last, "--json")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["metrics"] == summary["metrics"]
    assert cli("export", last, str(exported)).code == 0
    whole, again = (load_file(f / "model.safetensors") for f in (run / "model", exported))
    assert whole.keys() == again.keys()
    assert all(torch.equal(value, again[name]) for name, value in whole.items())
    assert not list(exported.glob("*part*"))
    AutoTokenizer.from_pretrained(exported)


def test_one_process_is_told_at_once(cli, small_recipe, tmp_path):
    ended = cli("pretrain", small_recipe, "--set=train.parallel=fsdp")
    assert ended.code == 2
    assert "one process has nobody to share the model with" in ended.err
    assert not (tmp_path / "runs").exists()
