"""The supervisor: codes, texts and signals survive, and nobody outlives a death."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lmkit import supervise, worker
from lmkit.supervise import Place

# A worker as `lmkit.cli.main` makes one; `rank` and `round_` tell which.
WORKER = """
import os, signal, sys, time
from lmkit import worker
def stopped(number, frame):
    sys.exit(worker.leave(128 + number, f"stopped by {number}"))
for number in worker.FORWARDED:
    signal.signal(number, stopped)
worker.join()
rank, round_ = int(os.environ["RANK"]), int(os.environ["LMKIT_RESTARTS"])
def leave(code, text=""):
    sys.exit(worker.leave(code, text))
"""


def run(tmp_path: Path, code: str, count: int = 2, restarts: int = 0) -> int:
    command = [sys.executable, "-c", WORKER + code]
    return supervise.supervise(command, Place(count), tmp_path, restarts)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "ALONE_SECONDS", 0.3)
    monkeypatch.setattr(supervise, "TERMINATED_SECONDS", 0.3)


@pytest.mark.parametrize(
    ("code", "ended", "told"),
    [
        ("leave(0)", 0, ""),
        ("time.sleep(0.3 * rank); leave(3 - rank, f'process {rank}')", 3, "process 0\n"),
        ("time.sleep(0.3 * (1 - rank)); leave(2, 'all' if rank == 0 else '')", 2, "all\n"),
        (f"leave(2, 'cause') if rank else leave({worker.LOST}, 'lost')", 2, "cause\n"),
        (f"leave({worker.LOST}, 'lost')", worker.LOST, "lost\n"),
        ("worker.leave(0, ''); os.abort()", 0, ""),  # all was done before
    ],
)
def test_codes_and_texts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], code: str, ended: int, told: str
) -> None:
    assert run(tmp_path, code) == ended
    assert capfd.readouterr().err == told


def test_what_killed_one_is_told_and_the_others_are_ended(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], brief: None
) -> None:
    stubborn = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "time.sleep(60) if rank == 0 else (time.sleep(0.2), os.kill(os.getpid(), 9))"
    )
    begun = time.monotonic()
    assert run(tmp_path, stubborn) == 128 + signal.SIGKILL
    assert time.monotonic() - begun < 10
    err = capfd.readouterr().err
    assert err.startswith("process 1 (pid ")
    assert err.endswith("was killed by SIGKILL\n")


def test_one_that_hangs_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], brief: None
) -> None:
    hangs = f"os.kill(os.getpid(), signal.SIGSTOP) if rank else leave({worker.LOST}, 'no answer')"
    assert run(tmp_path, hangs) == worker.LOST
    err = capfd.readouterr().err
    assert err.startswith("process 1 (pid ")
    assert err.endswith("did not answer, and was ended\nno answer\n")


def test_it_starts_again(tmp_path: Path, capfd: pytest.CaptureFixture[str], brief: None) -> None:
    assert run(tmp_path, "os.kill(os.getpid(), 9) if round_ < 2 else leave(0)", restarts=2) == 0
    err = capfd.readouterr().err
    assert "starting again from the last checkpoint: 2 of 2" in err


@pytest.mark.parametrize("code", [2, 3, 143])
def test_what_would_come_to_the_same_is_not_started_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], code: int
) -> None:
    assert run(tmp_path, f"leave({code} if round_ == 0 else 0, 'no')", restarts=3) == code
    assert capfd.readouterr().err == "no\n"


@pytest.mark.parametrize("number", worker.FORWARDED)
def test_signals_reach_the_workers_and_their_code_comes_back(number: int, tmp_path: Path) -> None:
    waits = f"{WORKER}\nopen({str(tmp_path)!r} + f'/ready{{rank}}', 'w').close(); time.sleep(60)"
    folder = tmp_path / "launch"
    folder.mkdir()
    code = (
        "import sys\nfrom pathlib import Path\nfrom lmkit.supervise import Place, supervise\n"
        f"command = {[sys.executable, '-c', waits]!r}\n"
        f"sys.exit(supervise(command, Place(2), Path({str(folder)!r}), 1))"
    )
    launcher = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while len(list(tmp_path.glob("ready*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    launcher.send_signal(number)
    _, told = launcher.communicate(timeout=20)
    assert launcher.returncode == 128 + number
    assert told == f"stopped by {number}\n"


def test_nobody_outlives_the_launcher(tmp_path: Path) -> None:
    waits = f"{WORKER}\nopen({str(tmp_path)!r} + '/pid', 'w').write(str(os.getpid()) + '\\n')\n"
    code = (
        "from pathlib import Path\nfrom lmkit.supervise import Place, supervise\n"
        f"command = {[sys.executable, '-c', waits + 'time.sleep(60)']!r}\n"
        f"supervise(command, Place(1), Path({str(tmp_path)!r}), 0)"
    )
    launcher = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 20
    noted = tmp_path / "pid"
    while not (noted.exists() and noted.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    launcher.kill()
    launcher.wait()
    while time.monotonic() < deadline:
        status = Path(f"/proc/{int(noted.read_text())}/stat")
        if not status.exists() or " Z " in status.read_text():
            return
        time.sleep(0.02)
    pytest.fail("the worker lives on")


def test_where_the_workers_stand(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    code = f"print(*(os.environ[name] for name in {names}))"
    command = [sys.executable, "-c", WORKER + code]
    place = Place(2, nodes=2, node_rank=1, meeting=("127.0.0.1", 4711))
    assert supervise.supervise(command, place, tmp_path, 0) == 0
    assert sorted(capfd.readouterr().out.splitlines()) == [
        "2 0 4 2 127.0.0.1 4711",
        "3 1 4 2 127.0.0.1 4711",
    ]


def test_a_port_is_free() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", supervise.free_port()))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the Linux kernel")
def test_the_interface_that_reaches_a_host() -> None:
    found = supervise.interface_to("127.0.0.1", 4711)
    assert found is not None
    assert (Path("/sys/class/net") / found).exists()
    assert supervise.interface_to("no.such.host.invalid", 4711) is None
