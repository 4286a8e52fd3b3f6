"""What says that memory is short, and how much there is."""

from pathlib import Path

import pytest
import torch

from lmkit.models import memory
from lmkit.models.memory import free_memory, out_of_memory

CPU = torch.device("cpu")
CPU_SHORT = "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (MemoryError(), True),
        (RuntimeError(CPU_SHORT), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory."), False),
    ],
)
def test_what_is_out_of_memory(error, short):
    assert out_of_memory(error) == short


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /proc and /sys: 8000 kB, of which 5000 are available."""
    (tmp_path / "meminfo").write_text("MemTotal: 8000 kB\nMemAvailable:    5000 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("most", "free"), [(None, 5000), ("max", 5000), ("6144000", 4000), ("9216000", 5000)]
)
def test_a_container_has_what_it_is_given(machine, most, free):
    if most is not None:
        (machine / "memory.max").write_text(f"{most}\n")
        (machine / "memory.current").write_text("2048000\n")
    assert free_memory(CPU) == free * 1024


def test_elsewhere_half_of_the_memory_is_free(machine, monkeypatch):
    monkeypatch.setattr(memory, "MEMINFO", machine / "absent")
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}
    monkeypatch.setattr(memory.os, "sysconf", sizes.__getitem__)
    assert free_memory(CPU) == 2048000


@pytest.mark.gpu
def test_a_gpu_tells_and_what_torch_keeps_counts():
    device = torch.device("cuda")
    before = free_memory(device)
    block = torch.empty(256 * 2**20, dtype=torch.uint8, device=device)
    assert before - free_memory(device) == pytest.approx(block.numel(), rel=0.1)
    del block
    assert free_memory(device) == pytest.approx(before, rel=0.01)
