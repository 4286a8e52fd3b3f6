"""What `auto` becomes on machines of several kinds, and that the reason is told."""

from pathlib import Path

import pytest
import torch

from lmkit.training import hardware
from lmkit.training.hardware import choose_compile, choose_precision, find_compiler


def machine(monkeypatch: pytest.MonkeyPatch, kind: str, *flags: str, problem: str = "") -> None:
    monkeypatch.setattr(hardware, "default_device", lambda: kind)
    monkeypatch.setattr(hardware, "cpu_flags", lambda: frozenset(flags))
    monkeypatch.setattr(hardware, "find_compiler", lambda: hardware.Compiler("g++", problem))


@pytest.mark.parametrize(
    ("flags", "value", "reason"),
    [
        (("avx2", "avx512_bf16"), "bfloat16", "avx512_bf16"),
        (("amx_tile", "amx_bf16"), "bfloat16", "amx_bf16"),
        (("asimd", "bf16"), "bfloat16", "bf16"),
        (("avx2", "avx512f"), "float32", "would emulate"),
        ((), "float32", "would emulate"),
    ],
)
def test_precision_of_a_cpu(
    monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], value: str, reason: str
) -> None:
    machine(monkeypatch, "cpu", *flags)
    choice = choose_precision("auto")
    assert choice.value == value
    assert reason in choice.reason


@pytest.mark.parametrize(("has", "value"), [(True, "bfloat16"), (False, "float16")])
def test_precision_of_a_gpu(monkeypatch: pytest.MonkeyPatch, has: bool, value: str) -> None:
    machine(monkeypatch, "cuda")
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda **_: has)
    assert choose_precision("auto").value == value


def test_precision_of_an_apple_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "mps")
    assert choose_precision("auto").value == "float32"


def test_what_the_recipe_says_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "cpu")
    assert choose_precision("bfloat16") == ("bfloat16", "as the recipe says")
    assert choose_compile(False) == (False, "as the recipe says")
    assert choose_compile(True, seconds=1) == (True, "as the recipe says")
    assert choose_compile(True, seconds=1, recurrent=True).value


def test_a_short_run_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "cpu")
    short = choose_compile("auto", seconds=120)
    assert short == (False, "about 120 s of training; compiling pays from 900 s on")
    assert choose_compile("auto", seconds=1200).value
    assert "one kernel" in choose_compile("auto", seconds=1200, recurrent=True).reason
    assert choose_compile("auto").value
    assert "let go" in choose_compile("auto", seconds=1200, shared=True).reason


@pytest.mark.parametrize("setting", ["auto", True])
def test_no_compiler_is_no_end(monkeypatch: pytest.MonkeyPatch, setting: bool) -> None:
    machine(monkeypatch, "cpu", problem="no C++ compiler")
    assert choose_compile(setting, seconds=10_000) == (False, "no C++ compiler")


def test_a_gpu_without_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "cuda")
    monkeypatch.setattr(hardware.importlib.util, "find_spec", lambda _: None)
    choice = choose_compile("auto", seconds=10_000)
    assert not choice.value
    assert "triton" in choice.reason


def test_apple_gpus_are_not_compiled_for(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "mps")
    assert not choose_compile("auto", seconds=10_000).value


def test_a_compiler_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    found = find_compiler()
    assert found.path is None
    assert "no-such-compiler is not on the PATH" in found.problem


def test_a_compiler_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "c++"
    broken.write_text("#!/bin/sh\necho 'x.cpp:1: fatal error: Python.h: none' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    assert find_compiler().problem.endswith("fails: x.cpp:1: fatal error: Python.h: none")


def test_the_flags_are_those_of_the_kernel() -> None:
    listing = Path("/proc/cpuinfo")
    if not listing.exists():
        pytest.skip("no /proc/cpuinfo")
    flags = hardware.cpu_flags()
    assert flags
    assert all(f" {flag}" in listing.read_text() for flag in flags)


def test_what_a_gpu_does_not_promise_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert "train.deterministic: true forces the same" in hardware.determinism(False)
    assert hardware.determinism(True).startswith("deterministic on")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert hardware.determinism(False) is None
