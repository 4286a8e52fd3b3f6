"""How many operations a second the hardware can do at most, to hold the speed of a run against.

Dense products, without the sparsity that data sheets double them by, of one device in 10^12
operations a second. The numbers are NVIDIA's own: data sheets of T4, V100, A100, A10, A40, A30, L4,
L40S, H100, H200 and B200; of the RTX cards the white papers "NVIDIA Ampere GA102 GPU Architecture"
(appendix A) and "NVIDIA Ada GPU Architecture" (appendix A), with accumulation in float32.
"""

from dataclasses import dataclass

import torch

from lmkit.training.cost import matmul_peak

# (part of the device's name, the more special one first): half precision, TF32, float32
PEAKS: dict[str, tuple[float, float, float]] = {
    "B200": (2250.0, 1125.0, 75.0),
    "GH200": (989.4, 494.7, 67.0),
    "H200 NVL": (835.5, 417.5, 60.0),
    "H200": (989.4, 494.7, 67.0),
    "H100 NVL": (835.5, 417.5, 60.0),
    "H100 PCIe": (756.0, 378.0, 51.0),
    "H100": (989.4, 494.7, 67.0),
    "A100": (312.0, 156.0, 19.5),
    "A30": (165.0, 82.0, 10.3),
    "A40": (149.7, 74.8, 37.4),
    "A10": (125.0, 62.5, 31.2),
    "L40S": (362.05, 183.0, 91.6),
    "L4": (121.0, 60.0, 30.3),
    "V100-PCIE": (112.0, 14.0, 14.0),
    "V100": (125.0, 15.7, 15.7),
    "T4": (65.0, 8.1, 8.1),
    "RTX 4090": (165.2, 82.6, 82.6),
    "RTX 3090": (71.0, 35.6, 35.6),
}
OTHER_CHIPS = ("Laptop", "Ti", "SUPER", "D", "Mobile", "Max-Q")
"""Words that make the name of a card that of another one."""
TERA = 1e12


@dataclass(frozen=True)
class Peak:
    """Operations a second of one device, and where the number is from."""

    flops: float
    source: str
    """`data sheet` or `measured`."""


def peak_of(device: str, precision: str) -> Peak:
    """The peak of this process's device.

    A GPU's is its data sheet's where the table has it; else the fastest matrix product seen just
    now (about 0.1 s).

    Args:
        device: `cpu`, `cuda` or `mps`.
        precision: `float32`, `bfloat16` or `float16`.
    """
    if device == "cuda":
        listed = from_table(torch.cuda.get_device_name(), precision, tf32=_takes_tf32())
        if listed is not None:
            return Peak(listed, "data sheet")
    return Peak(matmul_peak(device, getattr(torch, precision)), "measured")


def from_table(name: str, precision: str, *, tf32: bool) -> float | None:
    """The peak of a GPU by its name as the driver tells it; None where the table lacks it.

    Args:
        name: such as `NVIDIA H100 80GB HBM3`.
        precision: of the products.
        tf32: whether those of float32 are rounded to TF32.
    """
    if any(word in name.split() for word in OTHER_CHIPS):
        return None
    words = name.replace("NVIDIA", "").replace("GeForce", "").strip()
    for part, (half, reduced, full) in PEAKS.items():
        if _named(words, part):
            value = half if precision != "float32" else reduced if tf32 else full
            if precision == "bfloat16" and part in ("V100", "V100-PCIE", "T4"):
                return None  # they have no such products, and emulate them
            return value * TERA
    return None


def _named(words: str, part: str) -> bool:
    """Whether a name holds a part as whole words: an L4 is no L40."""
    ends = {" ", "-", ""}
    at = words.find(part)
    if at < 0:
        return False
    after = words[at + len(part) :][:1]
    before = words[:at][-1:]
    return after in ends and before in ends


def _takes_tf32() -> bool:
    return torch.get_float32_matmul_precision() != "highest" or bool(
        torch.backends.cuda.matmul.allow_tf32
    )
