"""Give the command of a run again: it is finished, has not begun, was stopped, or is repeated."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch


def test_a_finished_run_is_finished(cli, small_recipe: Path) -> None:
    assert cli("pretrain", small_recipe, "-o", "run").code == 0
    before = {path: path.stat().st_mtime_ns for path in Path("run").rglob("*")}
    again = cli("pretrain", small_recipe, "-o", "run", "--resume", "--json")
    assert again.code == 0
    assert json.loads(again.out) == json.loads(Path("run/summary.json").read_text())
    assert "this run is finished; there is nothing to resume" in again.err
    assert {path: path.stat().st_mtime_ns for path in Path("run").rglob("*")} == before
    code = (
        "import sys; from lmkit import cli;"
        f"assert cli.run(['pretrain', {str(small_recipe)!r}, '-o', 'run', '--resume'])[0] == 0;"
        "assert not {'torch', 'transformers', 'numpy', 'datasets'} & set(sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert ended.returncode == 0, ended.stderr


def test_with_nothing_to_resume_it_starts(cli, small_recipe: Path) -> None:
    assert cli("pretrain", small_recipe, "-o", "run", "--resume").code == 0
    assert Path("run/summary.json").exists()


def test_the_recipe_of_a_run_repeats_it(cli, small_recipe: Path, monkeypatch) -> None:
    for name in ("CUDA_LAUNCH_BLOCKING", "CUBLAS_WORKSPACE_CONFIG", "ASCEND_LAUNCH_BLOCKING"):
        monkeypatch.setenv(name, "")  # is set, and put back after the test
    try:
        sets = ("--set", "train.deterministic=true")
        assert cli("pretrain", small_recipe, "-o", "one", *sets).code == 0
        assert torch.are_deterministic_algorithms_enabled()
        assert cli("pretrain", "one/recipe.yaml", "-o", "two").code == 0
    finally:
        torch.use_deterministic_algorithms(mode=False)
    one, two = (Path(run, "model/model.safetensors").read_bytes() for run in ("one", "two"))
    assert one == two


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_to_the_real_command(small_recipe: Path, tmp_path: Path, number: int) -> None:
    words = [sys.executable, "-m", "lmkit", "pretrain", str(small_recipe), "-o", "run"]
    words += ["--set", "train.max_steps=100000", "--set", "train.eval_strategy=no"]
    words += ["--set", "train.logging_steps=1", "--set", "train.save_steps=100000"]
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("step "):
                process.send_signal(number)
                break
        _, told = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert "--resume" in told
    assert "Traceback" not in told
    assert len(list((tmp_path / "run" / "checkpoints").iterdir())) == 1
