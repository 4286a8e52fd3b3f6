"""Two machines, as two network namespaces with a cable between them: one goes and comes back."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HOSTS = ("10.213.7.1", "10.213.7.2")


def ip(*words: str) -> bool:
    return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0


@pytest.fixture
def machines() -> Iterator[list[str]]:
    """The names of two namespaces that reach one another."""
    names = [f"lmkit{os.getpid()}{end}" for end in "ab"]
    if shutil.which("ip") is None or not ip("netns", "add", names[0]):
        pytest.skip("network namespaces are not permitted here")
    try:
        ip("netns", "add", names[1])
        ip(
            "link",
            "add",
            "lk0",
            "netns",
            names[0],
            "type",
            "veth",
            "peer",
            "lk1",
            "netns",
            names[1],
        )
        for number, (name, host) in enumerate(zip(names, HOSTS, strict=True)):
            ip("-n", name, "addr", "add", f"{host}/24", "dev", f"lk{number}")
            for device in (f"lk{number}", "lo"):
                if not ip("-n", name, "link", "set", device, "up"):
                    pytest.skip("no virtual cable between network namespaces here")
        yield names
    finally:
        for name in names:
            ip("netns", "del", name)


def test_one_machine_is_lost_and_comes_back(
    machines: list[str], small_recipe: Path, tmp_path: Path
) -> None:
    steps = 60

    def start(rank: int, *words: str) -> subprocess.Popen[str]:
        sets = (f"max_steps={steps}", "logging_steps=1", "save_steps=5", "eval_strategy=no")
        command = [
            *("ip", "netns", "exec", machines[rank], sys.executable, "-m", "lmkit", "pretrain"),
            *(str(small_recipe), "-o", "run", "--processes", "1", "--nodes", "2", "--json"),
            *("--node-rank", str(rank), "--rendezvous", f"{HOSTS[0]}:29500"),
            *("--max-restarts", "1", *(f"--set=train.{one}" for one in sets), *words),
        ]
        return subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    first, second = start(0), start(1)
    assert first.stderr is not None
    for line in first.stderr:
        if line.startswith("step 7"):
            break
    second.kill()  # its launcher, as a machine that goes down takes all with it
    second.communicate()
    again = start(1, "--resume")
    out, told = first.communicate(timeout=200)
    back_out, back_told = again.communicate(timeout=60)
    assert first.returncode == again.returncode == 0, told + back_told
    assert "starting again from the last checkpoint: 1 of 1" in told
    assert back_out == ""  # the first process speaks
    assert json.loads(out)["train"]["steps"] == steps
    logged = (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in logged if "loss" in line] == [*range(1, steps + 1)]
