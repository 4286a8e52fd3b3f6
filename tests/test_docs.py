"""The pages are what the commands say and print; the README's tree is what is there."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("script", ["write_cli.py", "write_clusters.py", "write_tree.py"])
def test_what_is_written_from_the_source_is_up_to_date(script: str) -> None:
    ended = subprocess.run(
        [sys.executable, ROOT / "docs" / script, "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, f"run `make docs`:\n{ended.stdout}{ended.stderr}"


def test_every_command_has_a_heading() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    for command in ("pretrain", "finetune", "eval", "generate", "predict", "recipes list"):
        assert f"\n## lmkit {command}\n" in page


def test_each_scheduler_has_its_file_on_the_page() -> None:
    page = (ROOT / "docs" / "clusters.md").read_text()
    for mark in ("#SBATCH --nodes=2", "use_spot: true", "completionMode: Indexed"):
        assert mark in page
