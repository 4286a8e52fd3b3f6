"""Quiet libraries: in a process of its own, for the settings last."""

import subprocess
import sys

CODE = """
import datasets
from transformers.utils import logging
from lmkit.models.libraries import quiet_libraries
if {quiet}:
    quiet_libraries()
logger = logging.get_logger("transformers.models")
logger.warning("advice")
logger.error("a failure")
list(logging.tqdm(range(2), desc="transformers"))
list(datasets.utils.tqdm(range(2), desc="sets"))
"""


def told(*, quiet: bool) -> str:
    code = CODE.format(quiet=quiet)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == ""
    return ended.stderr


def test_advice_and_bars_go_and_errors_stay():
    loud, quiet = told(quiet=False), told(quiet=True)
    for word in ("advice", "transformers:", "sets:"):
        assert word in loud
        assert word not in quiet
    assert "a failure" in quiet
