"""Freed memory is kept, told by page faults, or given back, told by the pages that are held."""

import json
import platform
import subprocess
import sys

import pytest

from lmkit import heap

COUNT = """
import json, resource
import torch
from lmkit.heap import keep_freed_memory

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


HELD = """
import json
from pathlib import Path
from lmkit.heap import give_back_memory, keep_freed_memory

def held():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))  # KiB

keep_freed_memory()
large, small = [], []
for _ in range(200):
    large.append(bytearray(1_000_000))
    small.append(bytearray(2_000))
before = held()
large.clear()
kept = held()
give_back_memory()
print(json.dumps([before, kept, held()]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a matter of glibc")
def test_free_pages_between_what_stays_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True)
    before, kept, after = json.loads(done.stdout)
    assert kept > before - 20_000, "malloc keeps it"
    assert after < before - 150_000


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert heap.keep_freed_memory() is False
    heap.give_back_memory()
