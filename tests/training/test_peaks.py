"""The peaks of the table by the names that drivers tell, and the measured one."""

import pytest

from lmkit.training import peaks
from lmkit.training.peaks import PEAKS, from_table, peak_of

NAMES = {
    "NVIDIA H200": 989.4,
    "NVIDIA H100 80GB HBM3": 989.4,
    "NVIDIA H100 PCIe": 756.0,
    "NVIDIA H100 NVL": 835.5,
    "NVIDIA GH200 480GB": 989.4,
    "NVIDIA A100-SXM4-40GB": 312.0,
    "NVIDIA A100 80GB PCIe": 312.0,
    "Tesla V100-SXM2-16GB": 125.0,
    "Tesla V100-PCIE-32GB": 112.0,
    "Tesla T4": 65.0,
    "NVIDIA L4": 121.0,
    "NVIDIA L40S": 362.05,
    "NVIDIA A10": 125.0,
    "NVIDIA GeForce RTX 4090": 165.2,
    "NVIDIA B200": 2250.0,
}


@pytest.mark.parametrize(("name", "tera"), NAMES.items())
def test_names_of_drivers(name, tera):
    assert from_table(name, "float16", tf32=False) == tera * 1e12


OTHERS = ["NVIDIA A10G", "NVIDIA L40", "NVIDIA A1000", "NVIDIA T400", "AMD Instinct MI300X",
          "NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA GeForce RTX 3090 Ti"]  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_an_unlisted_one_is_no_other(name):
    assert from_table(name, "float16", tf32=False) is None


def test_each_precision_has_its_own():
    name = "NVIDIA A100-SXM4-80GB"
    assert from_table(name, "bfloat16", tf32=False) == 312e12
    assert from_table(name, "float32", tf32=True) == 156e12
    assert from_table(name, "float32", tf32=False) == 19.5e12
    assert from_table("Tesla T4", "bfloat16", tf32=False) is None
    assert all(half >= reduced >= full for half, reduced, full in PEAKS.values())


def test_a_processor_is_measured(monkeypatch):
    asked = []
    monkeypatch.setattr(peaks, "matmul_peak", lambda *given: asked.append(given) or 3e11)
    found = peak_of("cpu", "float32")
    assert (found.flops, found.source) == (3e11, "measured")
    assert [str(part) for part in asked[0]] == ["cpu", "torch.float32"]
