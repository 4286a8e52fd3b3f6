"""The wheel is whole: installed into an empty environment it lists its recipes and trains.

The environment sees the libraries of the one that runs the tests through a path file, so that
nothing is downloaded; lmkit itself comes from the wheel, and the checkout is not on its path.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

RECIPE = """
task: {name: causal_lm, block_size: 32}
model: {architecture: gpt2, config: {n_layer: 1, n_embd: 16, n_head: 1}}
tokenizer: {train: {type: byte}}
data: {train: corpus}
train: {max_steps: 2, per_device_train_batch_size: 2}
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of an environment that holds the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    venv.create(folder / "empty", with_pip=False)
    bin_ = folder / "empty" / "bin"
    site = subprocess.run(
        [bin_ / "python", "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    install = [sys.executable, "-m", "pip", f"--python={bin_ / 'python'}", "install", "--no-deps"]
    wheel = next(folder.glob("*.whl"))
    subprocess.run([*install, "--no-index", wheel], check=True, capture_output=True)
    # the libraries, but not the checkout: a path that is added by a path file reads no path files
    (Path(site) / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return bin_


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Run:
    """`run("recipes", "list")` with the installed lmkit, far from the checkout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [installed / "lmkit", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.slow
def test_it_is_the_wheel_that_runs(installed: Path, tmp_path: Path) -> None:
    code = "import lmkit, sys; print(lmkit.__file__)"
    where = subprocess.run(
        [installed / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert where.startswith(str(installed.parent))


@pytest.mark.slow
def test_help(run: Run) -> None:
    ended = run("--help")
    assert ended.returncode == 0, ended.stderr
    assert "pretrain" in ended.stdout


@pytest.mark.slow
def test_every_recipe_of_the_checkout_is_in_it(run: Run) -> None:
    ended = run("recipes", "list")
    assert ended.returncode == 0, ended.stderr
    names = {path.stem for path in (ROOT / "recipes").glob("*/*.yaml")}
    assert {line.split()[0] for line in ended.stdout.splitlines()[1:]} == names


@pytest.mark.slow
def test_it_trains(run: Run, tmp_path: Path, tiny_corpus: Path) -> None:
    (tmp_path / "small.yaml").write_text(RECIPE)
    ended = run("pretrain", "small.yaml")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "runs" / "small" / "model" / "model.safetensors").exists()
    assert (tmp_path / "runs" / "small" / "summary.json").exists()
