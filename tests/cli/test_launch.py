"""The commands: what they print or write, and what they say of a wrong recipe."""

import subprocess
from pathlib import Path

import pytest
import yaml

ASKED = {
    "slurm": (),
    "skypilot": ("--storage", "volume", "--gpu", "H100"),
    "kubernetes": ("--image", "me/lmkit:1", "--storage", "claim"),
}


@pytest.mark.parametrize("scheduler", ASKED)
def test_printed_and_written_alike(cli, scheduler: str, tmp_path: Path) -> None:
    words = ("launch", scheduler, "gpt2-stdlib", "--nodes", "2", *ASKED[scheduler])
    printed = cli(*words)
    assert (printed.code, printed.err) == (0, "")
    assert cli(*words, "-o", "job").code == 0
    text = (tmp_path / "job").read_text()
    assert text == printed.out
    if scheduler == "slurm":
        assert subprocess.run(["bash", "-n", tmp_path / "job"], check=False).returncode == 0
    else:
        assert list(yaml.safe_load_all(text))


@pytest.mark.parametrize("scheduler", ASKED)
def test_nothing_is_written_of_a_wrong_recipe(cli, scheduler: str, tmp_path: Path) -> None:
    ended = cli(
        *("launch", scheduler, "gpt2-stdlib", *ASKED[scheduler], "-o", "job"),
        *("--set", "train.max_step=3"),
    )
    assert ended.code == 2
    assert "max_steps" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_nothing_can_be_written(cli) -> None:
    ended = cli("launch", "slurm", "gpt2-stdlib", "-o", "absent/job")
    assert (ended.code, ended.err) == (2, "--output absent/job: there is no folder absent")


def test_a_secret_is_not_written(cli, tmp_path: Path) -> None:
    token = "hf_" + "aB3" * 11
    ended = cli("launch", "slurm", "gpt2-stdlib", "--setup", f"export T={token}", "-o", "job")
    assert ended.code == 2
    assert "would hold a secret" in ended.err
    assert token not in ended.err
    assert list(tmp_path.iterdir()) == []
