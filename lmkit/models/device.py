"""The kind of device that models run on here."""

from typing import Literal

import torch

Device = Literal["cuda", "mps", "cpu"]


def default_device() -> Device:
    """`cuda` or `mps` where there is one, else `cpu`."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
