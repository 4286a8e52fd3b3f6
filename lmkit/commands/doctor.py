"""`lmkit doctor`: what is on this machine and what lmkit would make of it."""

import importlib.metadata
import json
import os
import platform
import re
import shutil
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import torch

from lmkit import __version__
from lmkit.data.cache import cache_dir
from lmkit.models.device import default_device
from lmkit.secrets import without_secrets
from lmkit.training.hardware import choose_compile, choose_precision, find_compiler

PACKAGES = ("torch", "transformers", "datasets", "tokenizers", "accelerate", "evaluate", "pydantic")
HUB = "https://huggingface.co"
HUB_SECONDS = 3.0

Findings = dict[str, Any]


def report(*, as_json: bool) -> None:
    """Write the findings on standard output, as a table or as one JSON object."""
    findings = examine()
    text = json.dumps(findings, indent=2) if as_json else "\n".join(table(findings))
    sys.stdout.write(text + "\n")


def examine() -> Findings:
    """Everything that decides how a run goes here; each part is a JSON value."""
    return {
        "lmkit": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "extras": _extras(),
        "devices": _devices(),
        "threads": {
            "cores": os.cpu_count(),
            "torch": torch.get_num_threads(),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        },
        "precision": choose_precision("auto")._asdict(),
        "compile": choose_compile("auto")._asdict(),
        "compiler": find_compiler()._asdict(),
        "cache": _cache(cache_dir()),
        "hub": _hub(os.environ.get("HF_ENDPOINT", HUB)),
    }


def table(findings: Findings) -> list[str]:
    """The findings for people: a name and what was found, a line each."""
    threads, compiler, cache = findings["threads"], findings["compiler"], findings["cache"]
    hub = findings["hub"]
    rows = [
        ("lmkit", findings["lmkit"]),
        ("python", f"{findings['python']} on {findings['platform']}"),
        *((name, version or "not installed") for name, version in findings["packages"].items()),
        *(
            (f"extra {name}", "present" if not missing else f"missing: {', '.join(missing)}")
            for name, missing in findings["extras"].items()
        ),
        *(("device", _device_line(found)) for found in findings["devices"]),
        ("threads", f"{threads['torch']} of {threads['cores']} cores"),
        ("precision: auto", "{value}: {reason}".format(**findings["precision"])),
        ("compile: auto", _compile_line(findings["compile"])),
        ("C++ compiler", compiler["problem"] or f"{compiler['path']} works"),
        ("cache", _cache_line(cache)),
        ("hub", f"{hub['endpoint']} {'reachable' if hub['reachable'] else hub['problem']}"),
    ]
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {found}" for name, found in rows]


def _device_line(found: Findings) -> str:
    memory = found["memory_mb"]
    return f"{found['kind']}: {found['name']}" + (f", {memory:,} MB" if memory else "")


def _compile_line(choice: Findings) -> str:
    return f"{'yes' if choice['value'] else 'no'}: {choice['reason']}"


def _cache_line(cache: Findings) -> str:
    if cache["problem"]:
        return f"{cache['path']}: {cache['problem']}"
    return f"{cache['path']}: {cache['used_mb']:,} MB used, {cache['free_mb']:,} MB free"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _extras() -> dict[str, list[str]]:
    """The packages that each of lmkit's extras still misses."""
    try:
        requirements = importlib.metadata.requires("lmkit") or []
    except importlib.metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return {}
    missing: dict[str, list[str]] = {}
    for requirement in requirements:
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", requirement)
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        if extra is None or name is None:
            continue
        found = missing.setdefault(extra[1], [])
        if _version(name[0]) is None:
            found.append(name[0])
    return missing


def _devices() -> list[Findings]:
    """Every GPU, or the CPU where there is none; memory in MB where torch tells it."""
    kind = default_device()
    if kind == "cuda":
        properties = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return [
            {"kind": kind, "name": found.name, "memory_mb": found.total_memory // 10**6}
            for found in properties
        ]
    name = platform.processor() or platform.machine()
    capability = torch.backends.cpu.get_cpu_capability()
    return [{"kind": kind, "name": f"{name} ({capability})", "memory_mb": None}]


def _cache(folder: Path) -> Findings:
    """Where the token cache is, its size and the room left on its disk, in MB."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    writable = os.access(existing, os.W_OK) and existing.is_dir()
    return {
        "path": str(folder),
        "used_mb": used // 10**6,
        "free_mb": shutil.disk_usage(existing).free // 10**6,
        "problem": "" if writable else f"{existing} cannot be written; LMKIT_CACHE names another",
    }


def _hub(endpoint: str) -> Findings:
    """Whether the hub answers within `HUB_SECONDS`; any answer counts, for it came from there."""
    found: Findings = {
        "endpoint": without_secrets(endpoint),
        "reachable": False,
        "problem": "",
        "seconds": None,
    }
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return found | {"problem": "not asked: HF_HUB_OFFLINE is set"}
    answer: Findings = {"problem": f"no answer within {HUB_SECONDS:.0f} s"}

    def ask() -> None:
        begin = time.monotonic()
        request = urllib.request.Request(endpoint, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=HUB_SECONDS):
                pass
        except urllib.error.HTTPError:
            pass
        except (OSError, ValueError) as error:
            answer["problem"] = f"not reachable: {getattr(error, 'reason', error)}"
            return
        answer.update(reachable=True, problem="", seconds=round(time.monotonic() - begin, 2))

    # a look-up of the name may hang for longer than any timeout of the connection
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(HUB_SECONDS)
    return found | answer
