"""What this machine can do, and what `precision: auto` and `compile: auto` become on it, and why.

`lmkit doctor` tells these choices, the trainer makes them, and the manifest keeps them.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from lmkit.models.device import Device, default_device

Precision = Literal["float32", "bfloat16", "float16"]

# Compiling a GPT-2 of four layers took 40 to 60 s on two cores and made a step 1.1 to 1.25 times
# as fast: repaid after 5 to 10 minutes at best. For GPUs, where kernels are compiled faster and the
# gain is larger, the figure is a cautious guess, not a measurement.
COMPILE_PAYS_SECONDS: dict[Device, float] = {"cuda": 180.0, "mps": float("inf"), "cpu": 900.0}

# CPU flags of instructions that multiply bfloat16 matrices. On an AVX512-BF16 machine a training
# step of a GPT-2 192 wide was 2.2 times as fast as in float32; without them it is up to 20 times
# slower, because every product is emulated.
BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16", "bf16")

PROBE = "#include <Python.h>\n#include <omp.h>\n#include <cmath>\n"
PROBE_SECONDS = 20.0


class PrecisionChoice(NamedTuple):
    """In which type matrices are multiplied, and why."""

    value: Precision
    reason: str


class CompileChoice(NamedTuple):
    """Whether the model is compiled, and why or why not."""

    value: bool
    reason: str


class Compiler(NamedTuple):
    """The compiler that torch.compile would call; `problem` is "" where it works."""

    path: str | None
    problem: str


def determinism(forced: bool) -> str | None:
    """What to say of `train.deterministic`; None on a CPU, whose sums are the same each time."""
    if not torch.cuda.is_available():
        return None
    if forced:
        return "deterministic on: the same bits each time on this GPU, by slower kernels"
    return (
        "deterministic off: GPU kernels may add in another order each time, so a run that is "
        "repeated or resumed differs in its last bits; train.deterministic: true forces the same"
    )


def choose_precision(setting: Literal["auto"] | Precision) -> PrecisionChoice:
    """What `train.precision` becomes on this machine."""
    if setting != "auto":
        return PrecisionChoice(setting, "as the recipe says")
    kind = default_device()
    if kind == "cuda":
        if multiplies_bfloat16(kind):
            return PrecisionChoice("bfloat16", "this GPU multiplies bfloat16")
        return PrecisionChoice("float16", "this GPU has no bfloat16, but float16")
    if kind == "mps":
        return PrecisionChoice(
            "float32", "on Apple GPUs `precision: bfloat16` is for those who tried it"
        )
    flags = cpu_flags()
    if found := [flag for flag in BFLOAT16_FLAGS if flag in flags]:
        return PrecisionChoice("bfloat16", f"this CPU multiplies bfloat16 ({found[0]})")
    return PrecisionChoice("float32", "this CPU has no bfloat16 products and would emulate them")


def choose_compile(
    setting: Literal["auto"] | bool,
    seconds: float | None = None,
    *,
    recurrent: bool = False,
    shared: bool = False,
) -> CompileChoice:
    """What `train.compile` becomes on this machine.

    Args:
        setting: the recipe's key.
        seconds: how long the training would take uncompiled; None: not known, assume long.
        recurrent: whether the model is an LSTM or GRU.
        shared: whether processes share its parameters.

    Returns:
        False with its reason also where `setting` is True and no compiler works: a run shall not
        end for want of one.
    """
    if setting is False:
        return CompileChoice(False, "as the recipe says")
    if setting == "auto" and recurrent:
        return CompileChoice(False, "recurrent layers already run in one kernel")
    if setting == "auto" and shared:
        return CompileChoice(False, "layers are put together and let go as they run")
    kind = default_device()
    enough = COMPILE_PAYS_SECONDS[kind]
    if setting == "auto" and kind == "mps":
        return CompileChoice(False, "torch.compile for Apple GPUs is not finished")
    if setting == "auto" and seconds is not None and seconds < enough:
        return CompileChoice(
            False, f"about {seconds:.0f} s of training; compiling pays from {enough:.0f} s on"
        )
    if problem := find_compiler().problem:
        return CompileChoice(False, problem)
    if kind == "cuda" and importlib.util.find_spec("triton") is None:
        return CompileChoice(False, "the package triton, which compiles for GPUs, is absent")
    if setting is True:
        return CompileChoice(True, "as the recipe says")
    if seconds is None:
        return CompileChoice(True, f"for runs of more than {enough:.0f} s")
    return CompileChoice(True, f"about {seconds:.0f} s of training repay compiling")


def multiplies_bfloat16(kind: str) -> bool:
    """Whether products of bfloat16 matrices are fast on a kind of device of this machine."""
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return kind == "cpu" and not cpu_flags().isdisjoint(BFLOAT16_FLAGS)


@lru_cache(maxsize=1)
def cpu_flags() -> frozenset[str]:
    """The instruction sets that Linux reports for the first processor; elsewhere none."""
    listing = Path("/proc/cpuinfo")
    if not listing.exists():
        return frozenset()
    for line in listing.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() in {"flags", "Features"}:  # x86, Arm
            return frozenset(value.split())
    return frozenset()


def find_compiler() -> Compiler:
    """The C++ compiler of torch.compile, tried on the headers that compiled kernels include.

    It takes $CXX, else g++ (clang++ on macOS). A compiler without Python's headers, as on a fresh
    Debian, is as good as none.
    """
    name = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    path = shutil.which(name)
    if path is None:
        return Compiler(None, f"no C++ compiler: {name} is not on the PATH ($CXX may name another)")
    openmp = [] if sys.platform == "darwin" else ["-fopenmp"]
    include = sysconfig.get_paths()["include"]
    probe = PROBE if openmp else PROBE.replace("#include <omp.h>\n", "")
    try:
        tried = subprocess.run(
            [path, *openmp, f"-I{include}", "-fsyntax-only", "-x", "c++", "-"],
            input=probe,
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Compiler(path, f"the C++ compiler {path} does not run: {error}")
    if tried.returncode != 0:
        lines = tried.stderr.strip().splitlines() or [f"it ended with {tried.returncode}"]
        cause = next((line for line in lines if "error" in line), lines[0])
        return Compiler(path, f"the C++ compiler {path} fails: {cause}")
    return Compiler(path, "")
