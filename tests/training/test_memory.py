"""Freed memory is kept: told by page faults, which the load of a machine does not move."""

import json
import platform
import subprocess
import sys

import pytest

from lmkit.training import memory

COUNT = """
import json, resource
import torch
from lmkit.training.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(10_000_000)  # 40 MB, freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
kept = keep_freed_memory()
torch.ones(10_000_000)
print(json.dumps([kept, first, faults()]))
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a matter of glibc")
def test_blocks_are_not_mapped_again() -> None:
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    kept, before, after = json.loads(done.stdout)
    assert kept
    assert before > 20 * 1000  # at least once for every few pages of every block
    assert after < before / 2


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory.keep_freed_memory() is False
